"""What stays of a month when it is read again. Pure.

The ledger forgets and is touched, AWS zeroes the spend of a budget that is written, and sources fail: none of it may
take from a month what was known of it, nor move a workset out of a month that is over.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from controller.domain.month import Month
from controller.domain.usage import BucketStorage, Certainty, CustomerMonth, Spend, Terms, Workset

REFRESH = timedelta(hours=12)
"""How old an `as_of` may get in the store while nothing else changes."""

KNOWN: Mapping[Certainty, int] = {"unknown": 0, "estimated": 1, "actual": 2}
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def record(
    previous: CustomerMonth | None, fresh: CustomerMonth, *, closed: bool, restated: bool = False
) -> CustomerMonth:
    """What to store after a month was read: what is new, over what was known.

    `closed`: the month is over. Then who the customer was stays, and so does what AWS has billed for good, unless it is
    `restated`: read again on request, and billed differently since.
    """
    if previous is None:
        return fresh
    merged = replace(
        fresh,
        storage=_storage(previous.storage, fresh.storage),
        worksets=recorded_worksets(previous.worksets, fresh.worksets, closed=closed),
        worksets_as_of=fresh.worksets_as_of or previous.worksets_as_of,
        spend=_spend(previous.spend, fresh.spend),
        forecast=fresh.forecast or previous.forecast,
    )
    if _keeps_costs(previous, fresh, final=closed and not restated and not previous.costs_estimated):
        merged = _with_costs_of(previous, merged)
    return _as_it_was(previous, merged) if closed else merged


def recorded_worksets(before: Sequence[Workset], now: Sequence[Workset] | None, *, closed: bool) -> tuple[Workset, ...]:
    """The worksets of a month by when they ended, over those recorded before; `now` None: the ledger was not read.

    One that has ended stays, as it was recorded, when the ledger has it no more. Once the month is over, one that has
    ended is never changed by a later touch; only what was not measured yet is filled in.
    """
    if now is None:
        return tuple(before)
    ended = {one.workset_id: one for one in before if one.has_ended}
    current = {one.workset_id: one for one in now}
    kept = [replace(one, kept=True) for id_, one in ended.items() if id_ not in current]
    found = [_filled_in(ended[id_], one) if closed and id_ in ended else one for id_, one in current.items()]
    return tuple(sorted([*kept, *found], key=_by_end))


def worksets_in(month: Month, ledger: Iterable[Workset], *, running: bool) -> tuple[Workset, ...]:
    """Those of the ledger that count in a month: by when they ended, and until then in the month that is running."""
    return tuple(one for one in ledger if one.month == str(month) or (running and not one.has_ended))


def not_counted_before(worksets: Sequence[Workset], earlier: Collection[Workset]) -> tuple[Workset, ...]:
    """Without those that an earlier month has recorded with the same outcome, unless they ran anew since.

    A later touch moves a workset's end; without this it would be charged in two months.
    """
    before = {one.workset_id: one for one in earlier if one.has_ended}
    return tuple(one for one in worksets if not _is_same_run(before.get(one.workset_id), one))


def is_news(previous: CustomerMonth | None, fresh: CustomerMonth) -> bool:
    """Whether it is worth a write: anything has changed but how old the figures are, or those have become too old."""
    if previous is None or _timeless(previous) != _timeless(fresh):
        return True
    times = zip(_times(previous), _times(fresh), strict=True)
    return any(old and new and new - old >= REFRESH for old, new in times)


# Worksets


def _filled_in(recorded: Workset, now: Workset) -> Workset:
    """As recorded, with the figures that nothing said then, and with a cost that is better known now."""
    better = now if KNOWN[now.certainty] > KNOWN[recorded.certainty] else recorded
    return replace(
        recorded,
        minutes=now.minutes if recorded.minutes is None else recorded.minutes,
        samples=now.samples if recorded.samples is None else recorded.samples,
        vcpu_hours=now.vcpu_hours if recorded.vcpu_hours is None else recorded.vcpu_hours,
        results_bytes=now.results_bytes if recorded.results_bytes is None else recorded.results_bytes,
        cost=better.cost,
        certainty=better.certainty,
        per_sample=better.per_sample,
        kept=now.kept,
        charged=now.charged,
    )


def _is_same_run(recorded: Workset | None, now: Workset) -> bool:
    if recorded is None or not now.has_ended or recorded.outcome != now.outcome:
        return False
    ran_anew = now.started_at and recorded.ended_at and now.started_at > recorded.ended_at
    return not ran_anew


def _by_end(workset: Workset) -> tuple[bool, datetime, str]:
    """Those without an end come last."""
    return (workset.ended_at is None, workset.ended_at or LONG_AGO, workset.workset_id)


# What could not be read


def _storage(
    before: tuple[BucketStorage, ...] | None, now: tuple[BucketStorage, ...] | None
) -> tuple[BucketStorage, ...] | None:
    """A bucket that nothing is known of now keeps its earlier figures."""
    if before is None or now is None:
        return before if now is None else now
    earlier = {bucket.bucket: bucket for bucket in before}
    return tuple(one if one.as_of else earlier.get(one.bucket, one) for one in now)


def _spend(before: Spend | None, now: Spend | None) -> Spend | None:
    """AWS sets the spend of a budget that was written to 0 until it has counted anew: the last one known stays."""
    if before is None or now is None:
        return before if now is None else now
    zeroed = not now.actual and before.actual and before.currency == now.currency
    if not zeroed:
        return now
    forecast = before.forecast if now.forecast is None else now.forecast
    return replace(now, actual=before.actual, forecast=forecast, as_of=before.as_of)


def _keeps_costs(previous: CustomerMonth, fresh: CustomerMonth, *, final: bool) -> bool:
    """AWS was not read now; or it was, of a bill that it had closed before."""
    if previous.costs_as_of is None:
        return False
    return fresh.costs_as_of is None or (final and fresh.costs_as_of != previous.costs_as_of)


def _with_costs_of(previous: CustomerMonth, fresh: CustomerMonth) -> CustomerMonth:
    """Lines and worksets go together: charged are those that are in the lines."""
    charged = {one.workset_id for one in previous.worksets if one.charged}
    return replace(
        fresh,
        lines=previous.lines,
        worksets=tuple(replace(one, charged=one.workset_id in charged) for one in fresh.worksets),
        tagged=previous.tagged,
        excluded=previous.excluded,
        compute_source=previous.compute_source,
        absorbed=previous.absorbed,
        flagged=previous.flagged,
        currency=previous.currency,
        payer=previous.payer,
        costs_as_of=previous.costs_as_of,
        costs_estimated=previous.costs_estimated,
    )


def _as_it_was(previous: CustomerMonth, fresh: CustomerMonth) -> CustomerMonth:
    """Under the name, in the account, for the cost center and on the terms of then, where they were recorded."""
    terms = fresh.terms if previous.terms == Terms() else previous.terms
    return replace(
        fresh,
        name=previous.name,
        display_name=previous.display_name,
        account=previous.account,
        cost_center=previous.cost_center,
        quota_gib=previous.quota_gib,
        terms=terms,
    )


# How old


def _times(month: CustomerMonth) -> list[datetime | None]:
    found = [month.costs_as_of, month.worksets_as_of, month.spend.as_of if month.spend else None]
    found += [month.forecast.as_of if month.forecast else None]
    return [*found, *(bucket.as_of for bucket in month.storage or ())]


def _timeless(month: CustomerMonth) -> CustomerMonth:
    """With every time that is there the same."""
    storage = month.storage
    if storage is not None:
        storage = tuple(replace(one, as_of=one.as_of and LONG_AGO) for one in storage)
    return replace(
        month,
        costs_as_of=month.costs_as_of and LONG_AGO,
        worksets_as_of=month.worksets_as_of and LONG_AGO,
        spend=month.spend and replace(month.spend, as_of=month.spend.as_of and LONG_AGO),
        forecast=month.forecast and replace(month.forecast, as_of=LONG_AGO),
        storage=storage,
    )
