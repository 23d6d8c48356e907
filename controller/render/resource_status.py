"""What stands in `.status` of a customer resource: the status of the store, the figures, and what the pass found.

The same values make the same document, whenever it is asked for: what stands there already is not written again.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from controller.domain.custom_resource import Resource
from controller.domain.customer import Alert, Customer
from controller.domain.gate import Gate
from controller.domain.money import ZERO
from controller.domain.resource_status import MESSAGE, NAME, PLAN_TEXT, RESOURCES, SERVICES, SHORT, fit
from controller.domain.status import Status
from controller.domain.usage_report import UsageReport
from controller.errors import Failure, TransientFailure
from controller.fleet import FleetPlan
from controller.passes import Verdict
from controller.render import plan_text
from controller.render.phrases import count, iso, reason, what_to_do
from controller.render.status_figures import Spending, spending

GIB = 1024**3
OLD = timedelta(hours=36)
"""How old collected figures may get and still count as fresh: AWS itself lags by up to a day."""

NEVER = datetime.min.replace(tzinfo=UTC)
NOT_CHANGED = "when the spec changes, or on request"
SOON = "soon, by itself"

OVER_ALERT = "over the alert at"
"""Before the percentage, in the message of BudgetHealthy."""
FIGURED = frozenset({"BudgetHealthy", "UsageFresh", "WorksetsHeld"})
"""Conditions that are made of figures."""

Conditions = dict[str, tuple[str, str, str]]
"""Status, reason and message by type."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was collected of a customer in the running month, ready to be shown; None: nothing was."""

    usage: Mapping[str, Any] | None = None
    gate: Mapping[str, Any] | None = None
    spent: Spending = field(default=Spending())


def figures(report: UsageReport | None, spent: Spending, gate: Gate | None) -> Figures:
    """As little as the status needs of what is stored: this is kept for every customer."""
    return Figures(_collected(report, spent) if report else None, _gate(gate) if gate else None, spent)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the status is made of, beside the verdict: the resource as it stands, its customer, and the figures."""

    resource: Resource
    customer: Customer | None
    figures: Figures
    now: datetime
    every: str
    """How often everything is looked at, in words."""


def document(shown: Shown, verdict: Verdict) -> dict[str, Any]:
    """The status after a pass."""
    spent = _spending(shown, verdict.status)
    conditions = dict(_stored(verdict.status)) | _problem(verdict)
    conditions |= _paused(shown, conditions) | dict(_figure_conditions(shown, spent))
    if _has_drifted(verdict):
        conditions["Drifted"] = ("True", "ChangedInAWS", "something of ours was changed in AWS by hand")
    return _written(
        shown,
        conditions,
        {
            "usage": _usage(shown, spent),
            "gate": _shown_gate(shown),
            "resources": list(_resources(verdict)),
            "plan": _plan(verdict),
        },
        _next_check(shown, verdict.failures),
    )


def refigured(shown: Shown) -> dict[str, Any]:
    """The status as it stands, with figures that were collected since: it claims nothing newer than it did."""
    told = shown.resource.status
    acted_on = told.get("observedGeneration", shown.resource.generation)
    handled = told.get("lastHandledReconcileAt", "")
    resource = replace(shown.resource, generation=acted_on, requested_at=handled)
    shown = replace(shown, resource=resource)
    conditions = {
        kind: (found["status"], found["reason"], found["message"])
        for kind, found in _before(resource).items()
        if kind not in FIGURED
    }
    spent = _spending(shown, None)
    conditions |= dict(_figure_conditions(shown, spent))
    kept: dict[str, Any] = {name: told[name] for name in ("resources", "plan") if name in told}
    parts = {"usage": _usage(shown, spent), "gate": _shown_gate(shown)}
    return _written(shown, conditions, {**kept, **parts}, told.get("nextCheck", ""))


def left_alone(shown: Shown, code: str, message: str, *, heals: bool = False, again: bool = False) -> dict[str, Any]:
    """The status of a resource that nothing is done for: its spec is invalid, or it claims what another one has.

    What was known of it stays. `heals`: time may heal it; `again`: it is tried again by itself.
    """
    told = shown.resource.status
    conditions = {
        kind: (found["status"], found["reason"], found["message"])
        for kind, found in _before(shown.resource).items()
        if kind not in ("Reconciling", "Stalled", "Synced")
    }
    words = ("True", code, fit(message, MESSAGE))
    conditions |= {"Ready": ("False", *words[1:]), "Reconciling" if heals else "Stalled": words}
    kept = {name: told.get(name) for name in ("usage", "gate", "resources")}
    return _written(shown, conditions, kept, SOON if again else NOT_CHANGED)


def _written(shown: Shown, conditions: Conditions, parts: Mapping[str, Any], next_check: str) -> dict[str, Any]:
    resource = shown.resource
    status, code, message = conditions.get("Ready", ("Unknown", "Unknown", ""))
    told = {
        "observedGeneration": resource.generation,
        "lastHandledReconcileAt": fit(resource.requested_at, NAME) or None,
        "nextCheck": next_check,
        "message": "In sync" if status == "True" else fit(f"{code}: {message}" if message else code, MESSAGE),
        **parts,
        "conditions": list(_conditions(shown, conditions)),
    }
    return {name: value for name, value in told.items() if value not in (None, {}, [])}


def _conditions(shown: Shown, conditions: Conditions) -> Iterator[dict[str, Any]]:
    """`lastTransitionTime` moves only when the status flips."""
    before = _before(shown.resource)
    for kind, (status, code, message) in sorted(conditions.items()):
        old = before.get(kind)
        same = old is not None and old.get("status") == status
        yield {
            "type": kind,
            "status": status,
            "reason": code,
            "message": fit(message, MESSAGE),
            "lastTransitionTime": old["lastTransitionTime"] if old and same else iso(shown.now),
            "observedGeneration": shown.resource.generation,
        }


def _before(resource: Resource) -> dict[str, Mapping[str, Any]]:
    """The conditions that stand there, as far as they are whole: anybody may have edited them."""
    found = resource.status.get("conditions")
    parts = ("type", "status", "reason", "message", "lastTransitionTime")
    return {
        one["type"]: one
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, Mapping) and all(isinstance(one.get(part), str) for part in parts)
    }


def _stored(status: Status | None) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for one in status.conditions if status else ():
        yield one.type, (one.status, one.reason, one.message)


def _problem(verdict: Verdict) -> Conditions:
    """What overrules the stored conditions: the owner was left alone, or nothing could be stored."""
    failure = verdict.failure
    if failure is None:
        return {}
    code = camel(failure.code) or ("TransientFailure" if isinstance(failure, TransientFailure) else "PermanentFailure")
    words = sentences(reason(failure).removeprefix(f"{failure.code}: "), what_to_do(failure))
    kind = "Reconciling" if isinstance(failure, TransientFailure) else "Stalled"
    return {"Ready": ("False", code, words), "Synced": ("False", code, words), kind: ("True", code, words)}


def sentences(*parts: str) -> str:
    """One after the other, each with its end."""
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)


def camel(code: str) -> str:
    """A code of AWS or ours as the reason of a condition: letters and digits, a capital letter first."""
    words = re.sub("[^A-Za-z0-9]+", " ", code).split()
    camel = "".join(word[:1].upper() + word[1:] for word in words)
    return (f"Code{camel}" if camel[:1].isdigit() else camel)[:SHORT]


def _paused(shown: Shown, conditions: Conditions) -> Conditions:
    """The annotation acts like spec.suspend, and is told as what it is."""
    if not shown.resource.paused:
        return {}
    conditions.pop("Suspended", None)
    return {"Paused": ("True", "ReconcilePaused", "the annotation says so: observed only, nothing is changed")}


def _has_drifted(verdict: Verdict) -> bool:
    """Whether drift is left as it is: by a dry run, while paused, or by a failure. What is put back is an event."""
    done = {outcome.change.key for outcome in verdict.outcomes if outcome.ok}
    changes = verdict.plan.changes if verdict.plan else ()
    return any(change.drift and change.key not in done for change in changes)


def _spending(shown: Shown, status: Status | None) -> Spending:
    """By what was collected, else by the budget as the pass saw it; the limit is the one that is asked for now."""
    spent = shown.figures.spent if shown.figures.usage is not None or status is None else spending(status)
    budget = shown.customer.budget if shown.customer else None
    return replace(spent, limit=budget.monthly_limit) if budget else spent


def _figure_conditions(shown: Shown, spent: Spending) -> Iterator[tuple[str, tuple[str, str, str]]]:
    if shown.customer and shown.customer.budget:
        yield "BudgetHealthy", _budget_health(shown.customer.budget.alerts, spent)
    if shown.figures.usage is not None and spent.as_of:
        fresh = shown.now - spent.as_of <= OLD
        words = f"as of {iso(spent.as_of)}"
        yield "UsageFresh", ("True", "Collected", words) if fresh else ("False", "Stale", words)
    gate = shown.figures.gate
    if gate and gate["state"] == "Held":
        yield "WorksetsHeld", ("True", gate["reason"], gate["message"])


def _budget_health(alerts: Sequence[Alert], spent: Spending) -> tuple[str, str, str]:
    """The reason or the alert that is named changes with every alert that spend passes: that is what an event tells."""
    if spent.actual is None or spent.limit is None or spent.used is None:
        return "Unknown", "NoFigures", "what was spent is not known yet"
    words = f"{spent.used}% of {spent.limit:.2f} {spent.currency}".rstrip()
    if spent.actual > spent.limit:
        return "False", "BudgetExceeded", words
    passed = [one.at_percent for one in alerts if one.type == "ACTUAL" and _is_over(spent, one.at_percent)]
    if passed:
        words += f", {OVER_ALERT} {max(passed).normalize():f}%"
    if spent.forecast is not None and spent.forecast > spent.limit:
        return "False", "ForecastExceeded", f"{words}; {spent.forecast:.2f} are expected for the month"
    if passed:
        return "True", f"OverAlert{_digits(max(passed))}", words
    return "True", "BelowAlerts", words


def _is_over(spent: Spending, percent: Decimal) -> bool:
    return spent.actual is not None and spent.limit is not None and spent.actual * 100 > percent * spent.limit


def _digits(percent: Decimal) -> str:
    return f"{percent.normalize():f}".replace(".", "Point")


def _usage(shown: Shown, spent: Spending) -> dict[str, Any] | None:
    if not shown.figures.usage:
        return _of_budget(spent)
    return {**shown.figures.usage, **_present(limit=_money(spent.limit), used=_used(spent))}


def _used(spent: Spending) -> str | None:
    return None if spent.used is None else f"{spent.used}%"


def _of_budget(spent: Spending) -> dict[str, Any] | None:
    """The little that a budget tells; nothing of it is more than an estimate."""
    if spent.as_of is None:
        return None
    return _present(
        period=f"{spent.as_of:%Y-%m}",
        spent=_money(spent.actual),
        limit=_money(spent.limit),
        used=_used(spent),
        forecast=_money(spent.forecast),
        currency=spent.currency or None,
        asOf=iso(spent.as_of),
        estimated=True,
    )


def _collected(report: UsageReport, spent: Spending) -> dict[str, Any]:
    size, hours = report.storage.size.value, report.vcpu_hours.value
    worksets = report.counts["submitted"].value
    return _present(
        period=str(report.month),
        spent=_money(spent.actual),
        forecast=_money(spent.forecast),
        currency=spent.currency or None,
        storage=None if size is None else f"{Decimal(size) / GIB:.1f} GiB",
        worksets=None if worksets is None else int(worksets),
        vcpuHours=None if hours is None else f"{hours:.1f}",
        asOf=iso(spent.as_of) if spent.as_of else None,
        estimated=report.total.certainty == "estimated",
        byService=list(_by_service(report)),
    )


def _by_service(report: UsageReport) -> Iterator[dict[str, str]]:
    sums: dict[str, Decimal] = {}
    for line in report.lines:
        sums[line.service] = sums.get(line.service, ZERO) + line.amount
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    for service, cost in ordered[:SERVICES]:
        yield {"service": fit(service, NAME), "cost": f"{cost:.2f}"}


def _shown_gate(shown: Shown) -> dict[str, Any]:
    return dict(shown.figures.gate) if shown.figures.gate else {"state": "Unknown"}


def _gate(gate: Gate) -> dict[str, Any]:
    return _present(
        state=gate.state.capitalize(),
        reason=gate.reason,
        message=fit(gate.message, MESSAGE),
        since=iso(gate.since),
        until=iso(gate.until) if gate.until else None,
    )


def _resources(verdict: Verdict) -> Iterator[dict[str, str]]:
    """One line for each key that is looked after, in order."""
    plan = verdict.plan
    if plan is None or plan.refused:
        return
    states = {synced.key: ("InSync", "") for synced in plan.in_sync}
    states |= {held.key: ("InSync", "") for held in plan.settling}
    states |= {held.key: ("Waiting", held.reason) for held in plan.waiting}
    states |= {change.key: ("Pending", "") for change in plan.changes}
    states |= {unread.key: ("Unknown", reason(unread.failure)) for unread in plan.unread}
    for outcome in verdict.outcomes:
        if outcome.failure:
            states[outcome.change.key] = ("Failed", reason(outcome.failure))
        elif outcome.tried and outcome.change.action == "delete":
            states.pop(outcome.change.key, None)
        elif outcome.tried:
            states[outcome.change.key] = ("InSync", "")
    for key, (state, message) in sorted(states.items())[:RESOURCES]:
        told = {"kind": fit(key.kind, SHORT), "name": fit(key.name, NAME), "state": state}
        yield {**told, "message": fit(message, MESSAGE)} if message else told


def _plan(verdict: Verdict) -> dict[str, Any] | None:
    """What an apply would do; only where something is left to do."""
    plan = verdict.plan
    done = {outcome.change.key for outcome in verdict.outcomes if outcome.ok}
    left = [change for change in plan.changes if change.key not in done] if plan and not plan.refused else []
    if plan is None or not left:
        return None
    actions = [change.action for change in left]
    alone = FleetPlan((plan,), (), 0, "", NEVER, {})
    return {
        "creates": actions.count("create"),
        "updates": actions.count("update"),
        "deletes": actions.count("delete"),
        "adopts": actions.count("adopt"),
        "text": fit(_without_summary(str(plan_text.render(alone))), PLAN_TEXT),
    }


def _without_summary(page: str) -> str:
    """The last lines of a plan sum up a fleet."""
    return page.rstrip("\n").rpartition("\n\n")[0] or page


def _next_check(shown: Shown, failures: Iterable[Failure]) -> str:
    if any(isinstance(failure, TransientFailure) for failure in failures):
        return SOON
    return f"within {shown.every}"


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


def _present(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != []}


def summary(verdicts: Iterable[Verdict]) -> str:
    """What a pass did, for the log."""
    changed = failed = total = 0
    for verdict in verdicts:
        total += 1
        changed += sum(outcome.ok for outcome in verdict.outcomes)
        failed += bool(verdict.failures)
    return f"{count(total, 'owner')}, {count(changed, 'change')} made, {failed:,} failed"
