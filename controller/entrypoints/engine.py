"""What the operator works with in AWS, under the settings as they are now."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from controller import bootstrap
from controller.aws.clients import Aws
from controller.bootstrap import WRONG_ACCOUNT, House
from controller.collect import LEASE, Hold
from controller.domain.custom_resource import Resource
from controller.domain.customer import Customer
from controller.domain.gate import Gate
from controller.domain.month import Month
from controller.domain.usage import CustomerMonth
from controller.domain.usage_report import usage_report
from controller.entrypoints import inputs
from controller.errors import AccountFailure, Failure, InvalidInput, ReconcileError
from controller.manifests.cluster import read_resource
from controller.manifests.settings_file import LoadedSettings, load_settings
from controller.passes import Due, Passed, Passes, Recent
from controller.reconcile import Stop
from controller.render.diagnostics import render_text
from controller.render.resource_status import Figures, figures
from controller.render.status_figures import Spending

_log = logging.getLogger(__name__)

LEASE_LIFETIME = 8.0
"""Seconds that a lease outlives a replica that was killed: short, since another one waits for it."""


class AwsEngine:
    """`settings` is the file, read again whenever it is another one: a ConfigMap changes under its reader.

    Settings that are broken change nothing: the last good ones stay, and `trouble` says what is wrong.
    """

    def __init__(
        self, settings: Path | None, overrides: Mapping[str, object], *, only_watch: bool, clock: bootstrap.Clock
    ) -> None:
        self._path, self._overrides, self._only_watch, self._clock = settings, overrides, only_watch, clock
        self._text = self._content()
        self._loaded: LoadedSettings = inputs.read_settings(settings, overrides)
        self._house: House | None = None
        self._recent = Recent(clock)
        self._calls_before: Counter[tuple[str, str]] = Counter()
        self.trouble = ""

    @property
    def controller_id(self) -> str:
        return self._loaded.settings.controller_id

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        """How often each operation of AWS was called, by `service:Operation` and the code of the answer."""
        return self._calls_before + (_answers(self._house.doors) if self._house else Counter())

    def refresh(self) -> bool:
        try:
            text = self._content()
        except InvalidInput as error:
            self._text = None
            return self._keep(str(error))
        if text == self._text:
            return False
        loaded = load_settings(inputs.settings_file(self._path), os.environ, self._overrides)
        try:
            changed = self._take_on(loaded)
        except ReconcileError as error:
            if isinstance(error, Failure) and error.code != WRONG_ACCOUNT:
                return self._wait(error)
            self._text = text
            return self._keep(str(error))
        self._text, self.trouble = text, ""
        return changed

    def read(self, resource: Resource) -> Customer | str:
        name, loaded = resource.name, self._loaded
        read = read_resource(
            name.name, name.namespace, resource.labels, resource.spec, name.source, loaded.settings, loaded.origin
        )
        if isinstance(read, Customer) and resource.paused:
            return replace(read, suspend=True)
        return read

    def run(self, due: Due, stop: Stop) -> Passed:
        house = self._home()
        passes = Passes(house.fleet, house.leases, house.lease_names, recent=self._recent, only_watch=self._only_watch)
        try:
            passed = passes.run(due, stop)
        except AccountFailure:
            self._leave_house()  # refused credentials are remembered there; those of the next pass may be good
            raise
        if any(isinstance(failure, AccountFailure) for one in passed.verdicts.values() for failure in one.failures):
            self._leave_house()
        return passed

    def figures(self) -> Mapping[str, Figures]:
        books = bootstrap.books(self._loaded.settings)
        stored, gates = books.usage.load(Month.of(self._clock())), books.gates.load()
        found: dict[str, Figures] = {}
        for id_ in stored.customers.keys() | gates.keys():
            month, gate = stored.customers.get(id_), gates.get(id_)
            known = month if isinstance(month, CustomerMonth) else None
            found[id_] = _figures(known, gate if isinstance(gate, Gate) else None)
        return found

    def collect(self, customers: Sequence[Customer], stop: Stop) -> None:
        loaded = self._loaded
        house = bootstrap.collect_house(loaded.settings, loaded.origin, self._clock)
        try:
            with house.leases.hold({LEASE: house.lease}, 0, what="collect") as hold:
                collected = house.collector.collect(customers, _Stoppable(hold, stop))
        finally:
            self._calls_before += _answers(house.doors)
        for problem in collected.problems:
            _log.warning("collect: %s", problem)

    def _take_on(self, loaded: LoadedSettings) -> bool:
        """Whether they are others than before. Raises where no house can be built with them: only that shows it."""
        if not loaded.is_valid:
            raise InvalidInput(render_text(loaded.diagnostics))
        changed = loaded.settings != self._loaded.settings
        if changed:
            house = self._built(loaded)
            self._leave_house()
            self._house = house
        self._loaded = loaded
        return changed

    def _wait(self, failure: Failure) -> bool:
        """Nothing is known of the settings yet: the next look reads them again."""
        _log.warning("the changed settings cannot be tried yet: %s", failure)
        return False

    def _home(self) -> House:
        if self._house is None:
            self._house = self._built(self._loaded)
        return self._house

    def _built(self, loaded: LoadedSettings) -> House:
        return bootstrap.build(loaded.settings, loaded.origin, clock=self._clock, lease_lifetime=LEASE_LIFETIME)

    def _keep(self, trouble: str) -> bool:
        """The settings as they are, whatever stands in the file."""
        if trouble != self.trouble:
            _log.error("the settings are broken, and the last good ones stay:\n%s", trouble)
        self.trouble = trouble
        return False

    def _leave_house(self) -> None:
        if self._house:
            self._calls_before += _answers(self._house.doors)
        self._house = None

    def _content(self) -> bytes | None:
        path = inputs.settings_file(self._path)
        try:
            return path.read_bytes() if path else None
        except OSError as error:
            raise InvalidInput(f"{path}: the settings cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class _Stoppable:
    """A lease that also counts as lost once the operator is to end."""

    hold: Hold
    stop: Stop

    @property
    def lost(self) -> bool:
        return self.hold.lost or self.stop()

    def fence(self, account: str) -> int:
        return self.hold.fence(account)


def _answers(doors: Iterable[Aws]) -> Counter[tuple[str, str]]:
    """Calls by operation and code; what was not refused is OK."""
    found: Counter[tuple[str, str]] = Counter()
    for door in doors:
        found += Counter(dict(door.refusals))
        found += Counter({(name, "OK"): count - _refused(door, name) for name, count in list(door.calls.items())})
    return found


def _refused(door: Aws, operation: str) -> int:
    return sum(count for (name, _), count in list(door.refusals.items()) if name == operation)


def _figures(month: CustomerMonth | None, gate: Gate | None) -> Figures:
    report = usage_report(month) if month else None
    if report is None or report.total.value is None:
        return figures(None, Spending(), gate)
    forecast = report.forecast
    spent = Spending(
        report.limit.value,
        report.total.value,
        forecast.amount.value if forecast else None,
        report.stored.currency,
        report.total.as_of,
    )
    return figures(report, spent, gate)
