"""The commands `gate` and `listen`."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from controller import bootstrap
from controller.domain.customer import Customer
from controller.domain.gate import Gate, Turn
from controller.domain.month import Month
from controller.domain.status import Status
from controller.domain.usage import CustomerMonth
from controller.entrypoints import exit_codes, inputs, terminal
from controller.entrypoints.choosing import choose
from controller.entrypoints.telling import tell
from controller.errors import Failure, InvalidInput, ReconcileError, TransientFailure
from controller.gatekeeper import own
from controller.listening import Heard
from controller.render import gate_document, gate_view
from controller.render.json_text import json_text
from controller.render.yaml_text import yaml_text
from controller.store.gates import Gates
from controller.store.statuses import Statuses
from controller.store.usage_months import UsageMonths
from controller.usage.alert_queue import LONG_POLL, AlertQueue, Message, Refusal, notice_of

HISTORY = 50
"""Entries of the audit trail that are shown, the newest."""
GLANCE = 2
"""Seconds that `listen --once` waits for messages: SQS asks only some of its servers where it does not wait."""
PAUSE = 5.0
"""Seconds before the queue is asked again after it could not be asked."""


def gate(*, customer: str, settings: Path | None, form: str, history: bool) -> int:
    """Shows a gate. Asks the table only. Exit 0: open or warned, 10: held, 1: nobody knows."""
    loaded = inputs.read_settings(settings, {}).settings
    home = bootstrap.home_door(loaded)
    gates, statuses = Gates(home, loaded.tables.billing), Statuses(home, loaded.tables.billing)
    try:
        found = _find(customer, gates, lambda: _names(statuses, bootstrap.usage_months(home, loaded)))
    except ReconcileError as error:
        if form in ("json", "yaml"):
            nobody = gate_document.unknown(customer, str(error))
            terminal.write(json_text(nobody) if form == "json" else yaml_text([nobody]))
        raise
    trail = _readable(gates.history(found.customer_id, HISTORY)) if history else None
    now = bootstrap.utc_now()
    tell(
        form,
        page=lambda: gate_view.details(found, now, trail),
        table=lambda: gate_document.to_table(found, now),
        document=lambda: gate_document.to_document(found, now, trail),
    )
    return exit_codes.HELD if found.state == "held" else exit_codes.OK


def listen(
    *,
    queue: str,
    once: bool,
    max_messages: int,
    paths: Sequence[Path],
    settings: Path | None,
    controller_id: str | None,
) -> int:
    """Takes alerts from the queue and judges at once, until Ctrl-C; with `once`, until the queue is empty.

    A message is deleted once it is dealt with, and comes again where that did not work. Exit 5, with `once`, where
    some customers failed; 130 after Ctrl-C, when the batch in flight is done.
    """
    ears = _Ears(paths, settings, controller_id, queue)
    with terminal.stoppable() as stopped:
        while not stopped():
            try:
                messages = ears.queue.receive(max_messages, GLANCE if once else LONG_POLL)
                done = ears.take(messages)
            except TransientFailure as failure:
                if once:
                    raise
                terminal.complain(failure)
                time.sleep(PAUSE)
                continue
            if once and not (messages and done):
                return exit_codes.OK if done else exit_codes.PARTIAL
    return exit_codes.INTERRUPTED


class _Ears:
    """The queue, and what its messages are measured against: the tables, and manifests as they are when one comes."""

    def __init__(self, paths: Sequence[Path], settings: Path | None, controller_id: str | None, queue: str) -> None:
        self._paths, self._settings, self._overrides = paths, settings, {"controller_id": controller_id}
        given = self._read()
        self._customers = given.manifests.customers
        self._controller_id = given.settings.settings.controller_id
        self._house = bootstrap.build(given.settings.settings, given.settings.origin)
        self._listener = bootstrap.listener(given.settings.settings, self._house)
        self.queue = AlertQueue(self._house.home, queue)

    def take(self, messages: Sequence[Message]) -> bool:
        """Deals with messages and deletes them, but those of customers for whom something failed: then it is False."""
        if not messages:
            return True
        customers = self._own()
        read = {message: self._heard(message, customers) for message in messages}
        heard = [one for one in read.values() if one]
        verdicts = self._listener.hear(customers, heard)
        for verdict in verdicts:
            terminal.show(gate_view.verdict(verdict))
        failed = {verdict.customer_id for verdict in verdicts if verdict.failure}
        done = [message for message, one in read.items() if one is None or one[0] not in failed]
        return self._delete(done) and not failed

    def _delete(self, messages: Sequence[Message]) -> bool:
        """One that cannot be deleted for now comes again, and changes nothing then: it is told, and stops no other."""
        left = 0
        for message in messages:
            try:
                self.queue.delete(message)
            except TransientFailure as failure:
                terminal.complain(failure)
                left += 1
        return not left

    def _heard(self, message: Message, customers: Collection[Customer]) -> Heard | None:
        """What the message tells of one of these customers; None, and why is said, where it tells nothing."""
        own_topics = {
            alert.topic_arn for one in customers if one.budget for alert in one.budget.alerts if alert.topic_arn
        }
        topics = {*(account.topic_arn for account, _ in self._house.accounts.values()), *own_topics}
        found = notice_of(message, topics, self._house.account_ids.values())
        if isinstance(found, Refusal):
            terminal.say(f"A message is thrown away: {found.why}")
            return None
        if found[0] not in {one.customer_id for one in customers}:
            terminal.say(
                f"A message is thrown away: {found[0]!r} is no customer of these manifests and this controller"
            )
            return None
        return found

    def _own(self) -> tuple[Customer, ...]:
        """The customers that this controller answers for, by the manifests as they are now, or were when last valid."""
        try:
            self._customers = self._read().manifests.customers
        except InvalidInput as error:
            terminal.say(f"Error: {error}; going on with the manifests as they were.")
        return own(self._customers, self._house.statuses.load(), self._controller_id)

    def _read(self) -> inputs.Inputs:
        return inputs.read(self._paths, self._settings, self._overrides, keep_going=False)


def _find(asked: str, gates: Gates, names: Callable[[], Mapping[str, str]]) -> Gate:
    """The gate of the customer with this id or name. Raises ReconcileError where nobody knows it."""
    found = gates.get(asked)
    if found is None:
        missing = f'no gate of a customer "{asked}": was it collected?'
        asked = choose(asked, names(), missing=missing, hint="`reconcile status` lists those that are known.")
        found = gates.get(asked)
    if found is None:
        raise ReconcileError(f"the gate of {asked} was never decided: `reconcile collect` does")
    if isinstance(found, Failure):
        raise found
    return found


def _names(statuses: Statuses, months: UsageMonths) -> dict[str, str]:
    """All customers that were applied or collected this month, by id."""
    applied = [one for one in statuses.load().values() if isinstance(one, Status) and not one.is_account]
    collected = months.load(Month.of(bootstrap.utc_now())).customers.values()
    names = {one.customer_id: one.name for one in collected if isinstance(one, CustomerMonth)}
    return names | {one.owner_id: one.name for one in applied}


def _readable(history: Sequence[Turn | Failure]) -> list[Turn]:
    """The entries that can be read; the others are told."""
    for one in history:
        if isinstance(one, Failure):
            terminal.complain(one)
    return [one for one in history if isinstance(one, Turn)]
