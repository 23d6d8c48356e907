"""What an account cost, by customer and service, from an export of AWS Data Exports: the same as from Cost Explorer.

The lines are added up by DuckDB, file by file, so memory does not grow with the bill; what comes back are some
thousand sums. These are put together as Cost Explorer's answers are, by the same code.

A month is final once every line of it has an invoice: "Until the report is final, the InvoiceId is blank" (AWS, CUR
2.0 table dictionary, bill_invoice_id; InvoiceId in FOCUS is the same). Until then it is an estimate.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from controller.aws.clients import Aws
from controller.domain.customer import Account
from controller.domain.money import ZERO
from controller.domain.month import Month
from controller.domain.services import S3, TRANSFER
from controller.domain.settings import DataExportSettings, UsageSettings
from controller.domain.usage import CostReading, CostRow
from controller.errors import Failure, PermanentFailure
from controller.usage.cost_questions import NO_UNIT, Amount, Group
from controller.usage.cost_rows import CUSTOMER_KEY, Bill, bill_rows, bill_with
from controller.usage.duck import Duck, opened, paths
from controller.usage.export_files import Bucket, Delivery, Export, Folder
from controller.usage.export_sql import FORMATS, RECORD_TYPES, Question, doubled_sql


@dataclass(frozen=True, slots=True)
class Sum:
    """What lines cost that are alike in all else. `tag_number` is the place of the tag key that they go by."""

    month: str
    payer: str
    currency: str
    invoiced: bool
    record_type: str
    tag_number: int
    tag_value: str
    service: str
    usage_type: str
    unit: str
    lines: int
    cost: Decimal
    quantity: Decimal

    @property
    def amount(self) -> Amount:
        return Amount(self.cost) if self.unit in NO_UNIT else Amount(self.cost, self.quantity, self.unit)


class DataExportReader:
    """Reads the cost of some months of one account from its export. Costs no page of Cost Explorer.

    A month that AWS has delivered nothing of is not in the reading: it is unknown, and not zero.
    """

    permissions: ClassVar[frozenset[str]] = frozenset({"s3:GetObject", "s3:ListBucket"})

    def __init__(
        self,
        aws: Aws,
        account: Account,
        settings: UsageSettings,
        export: DataExportSettings,
        clock: Callable[[], datetime],
    ) -> None:
        self._aws, self._account, self._settings, self._clock = aws, account, settings, clock
        self._export, self._format = export, FORMATS[export.format]

    def read(self, months: Sequence[Month], tag_keys: Collection[str]) -> CostReading:
        """Of a month whose delivery is not whole, not even a part is added up: the reading says why, and tells the
        others. Raises Failure where the reason is the same for all months.
        """
        keys = tuple(dict.fromkeys((CUSTOMER_KEY, *tag_keys)))
        known: list[Month] = []
        sums: list[Sum] = []
        notes: list[str] = []
        refused: dict[str, Failure] = {}
        with self._opened() as export, opened(self._export.memory_mb, self._export.threads) as duck:
            for month in sorted(set(months)):
                try:
                    delivery = export.delivery(month)
                    if delivery is None:
                        notes.append(f"{month}: AWS has delivered nothing of it yet, so its cost is unknown")
                        continue
                    found, told = self._sums(duck, delivery, month, keys)
                except Failure as failure:
                    refused[str(month)] = failure
                    continue
                known.append(month)
                sums += found
                notes += [*delivery.notes, *told]
        if not known and len({str(one) for one in refused.values()}) == 1:
            raise next(iter(refused.values()))
        return replace(self._reading(known, sums, keys), refused=refused, notes=tuple(notes))

    @contextmanager
    def _opened(self) -> Iterator[Export]:
        """The export; files that are kept nowhere are gone afterwards."""
        location = self._export.location.replace("{account_id}", self._account.account_id)
        if not self._export.bucket:
            yield Folder(Path(location).expanduser())
        elif self._export.cache_folder is not None:
            yield Bucket(self._aws, location, Path(self._export.cache_folder).expanduser())
        else:
            with TemporaryDirectory(prefix="daylily-export-") as folder:
                yield Bucket(self._aws, location, Path(folder))

    # One month

    def _sums(
        self, duck: Duck, delivery: Delivery, month: Month, keys: Sequence[str]
    ) -> tuple[list[Sum], Iterator[str]]:
        """What lines of this month cost, and what else there is to tell."""
        about = f"{self._export.location}, {month}"
        source = f"read_parquet({paths(delivery.files)}, union_by_name = true, filename = true) AS line"
        texts = self._checked_columns(duck, delivery, about)
        doubled = self._doubled(duck, delivery, source, about)
        question = Question(self._format, self._settings.metric, keys)
        where = self._where(bool(doubled))
        found = [_sum(row) for row in duck.ask(question.sql("duckdb", source, where, texts), about)]
        ours = [one for one in found if one.month == str(month)]
        late = sum(one.lines for one in found) - sum(one.lines for one in ours)
        self._check_payer(ours, about)
        _currency(ours, about)
        return ours, _told(month, doubled, late, bool(ours))

    def _where(self, doubled: bool) -> str:
        """Of a member account only its own lines; of doubled lines the one in the first file."""
        table, told = self._format, []
        if not self._account.payer:
            told.append(f"{table.account} = '{self._account.account_id}'")
        if doubled:
            same = " AND ".join(f"doubled.{one} IS NOT DISTINCT FROM line.{one}" for one in table.identity)
            told.append(f"NOT EXISTS (SELECT 1 FROM doubled WHERE {same} AND doubled.first <> line.filename)")  # noqa: S608
        return " AND ".join(told) or "TRUE"

    def _checked_columns(self, duck: Duck, delivery: Delivery, about: str) -> frozenset[str]:
        """The columns of numbers that are text. Each file is looked at: one without a column would count as zero."""
        sql = f"SELECT file_name, name, duckdb_type FROM parquet_schema({paths(delivery.files)})"  # noqa: S608
        files: dict[str, dict[str, str]] = {str(one): {} for one in delivery.files}
        for file, name, kind in duck.ask(sql, about):
            files[file].setdefault(name.lower(), kind or "")
        wanted = self._format.columns(self._settings.metric)
        for file, columns in files.items():
            missing = [one for one in wanted if one.lower() not in columns]
            if missing:
                raise _missing(missing, columns, file)
            for one in (self._format.tags, self._format.product_map):
                if one and not columns[one.lower()].startswith("MAP"):
                    raise _wrong(f"{one} is {columns[one.lower()]}, and not a map of text to text", file)
        first = {one: {columns[one.lower()] for columns in files.values()} for one in wanted}
        return frozenset(one for one, kinds in first.items() if "VARCHAR" in kinds)

    def _doubled(self, duck: Duck, delivery: Delivery, source: str, about: str) -> int:
        """How many lines stand in several files, left in the table `doubled`; refused where they do not say the same.

        Not looked for where a manifest lists the files: AWS splits lines over them, and the parts have one id ("line
        items that have been split across multiple AWS CUR files": AWS, Identity details). All of it stays in the
        database: there may be as many as lines.
        """
        if delivery.listed or len(delivery.files) < 2 or not self._format.identity:
            return 0
        suspects, doubled = doubled_sql(self._format, source)
        if duck.ask(suspects, about) == [(0,)]:
            return 0
        duck.ask(doubled, about)
        [(count, odd)] = duck.ask(
            f"SELECT COUNT(*), MIN({self._format.identity[0]}) FILTER (WHERE versions > 1) FROM doubled",  # noqa: S608
            about,
        )
        if odd is not None:
            raise PermanentFailure(
                f"{about}: the line {odd} stands in several files and says something else in each, and no manifest"
                " tells whether it was split or the files are of two deliveries",
                code="MixedDeliveries",
                resource=about,
                advice="Copy the month's manifest here as well, or refresh the export.",
            )
        return int(count)

    def _check_payer(self, found: Iterable[Sum], about: str) -> None:
        payers = {one.payer for one in found}
        if self._account.payer and payers - {self._account.account_id}:
            raise PermanentFailure(
                f"{about}: is the export of the payer {', '.join(sorted(map(str, payers)))}, and not of"
                f" {self._account.account_id} ({self._account.name})",
                code="WrongPayer",
                resource=about,
                advice="Name the export of this account; {account_id} in the location stands for its id.",
            )

    # All months together

    def _reading(self, months: Sequence[Month], sums: Sequence[Sum], keys: Sequence[str]) -> CostReading:
        apart = {RECORD_TYPES.get(one, one) for one in self._settings.excluded_record_types}
        counted = [one for one in sums if one.record_type not in apart]
        of_s3 = [one for one in counted if one.service in (S3, TRANSFER)]
        costs = _bill(counted, keys, lambda one: one.service)
        usage = _bill(of_s3, keys, lambda one: one.usage_type)
        final = {str(month) for month in months if _is_final([one for one in sums if one.month == str(month)])}
        return CostReading(
            account=self._account.name,
            months=tuple(str(month) for month in months),
            rows=bill_rows(costs, usage),
            excluded=_excluded([one for one in sums if one.record_type in apart]),
            estimated=frozenset(str(month) for month in months) - final,
            as_of=self._clock(),
            pages=0,
            currency=_currency(sums, self._export.location),
            account_id=self._account.account_id,
        )


def _sum(row: tuple[Any, ...]) -> Sum:
    sum_ = Sum(*row)
    return replace(sum_, cost=_short(sum_.cost), quantity=_short(sum_.quantity))


def _short(number: Decimal) -> Decimal:
    """Without the zeros behind, and never as 1E+2: as Cost Explorer writes it."""
    return Decimal(f"{number:f}".rstrip("0").rstrip("."))


def _bill(sums: Sequence[Sum], keys: Sequence[str], dimension: Callable[[Sum], str]) -> Bill:
    """As Cost Explorer is asked: by the first key everything, by each further one what has none of those before."""
    bill: Bill = {}
    for number, key in enumerate(keys):
        of_key = sums if number == 0 else [one for one in sums if one.tag_number == number]
        bill = bill_with(
            bill,
            key,
            [
                Group(one.month, one.tag_value if one.tag_number == number else "", dimension(one), one.amount)
                for one in of_key
            ],
        )
    return bill


def _excluded(sums: Iterable[Sum]) -> tuple[CostRow, ...]:
    costs: dict[tuple[str, str, str], Decimal] = {}
    for one in sums:
        whose = (one.month, "" if one.tag_number else one.tag_value, one.record_type)
        costs[whose] = costs.get(whose, ZERO) + one.cost
    return tuple(
        CostRow(month, CUSTOMER_KEY, value, "", "other", cost, record_type=kind)
        for (month, value, kind), cost in sorted(costs.items())
        if cost
    )


def _is_final(sums: Sequence[Sum]) -> bool:
    return bool(sums) and all(one.invoiced for one in sums)


def _currency(sums: Iterable[Sum], about: str) -> str:
    """The one that all lines are in. Amounts in several are told each with its own, and never added up."""
    totals: dict[str, Decimal] = {}
    for one in sums:
        totals[one.currency] = totals.get(one.currency, ZERO) + one.cost
    if len(totals) > 1:
        each = " and ".join(f"{total:,.2f} {currency}" for currency, total in sorted(totals.items()))
        raise _wrong(f"it bills in several currencies, which are not added up: {each}", about)
    return next(iter(totals), "USD")


def _told(month: Month, doubled: int, late: int, any_lines: bool) -> Iterator[str]:
    if doubled:
        yield f"{month}: {doubled:,} lines stand in several files and were counted once"
    if late:
        yield f"{month}: {late:,} lines of other billing periods lie in its files and were left out"
    if not any_lines:
        yield f"{month}: the export has no lines for it"


def _missing(missing: Sequence[str], columns: Mapping[str, str], file: str) -> Failure:
    """Which are missing, and what stands there that looks like them."""
    told = []
    for one in missing:
        near = difflib.get_close_matches(one.lower(), columns, 1)
        told.append(f"{one} (there is {near[0]})" if near else one)
    return _wrong(f"expected columns are missing: {', '.join(told)}", file)


def _wrong(message: str, about: str) -> Failure:
    return PermanentFailure(
        f"{about}: {message}",
        code="UnreadableExport",
        resource=about,
        advice="Export all columns of the table, under AWS's names: see docs/data-exports.md",
    )
