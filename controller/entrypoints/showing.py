"""The command `status`."""

from collections.abc import Mapping
from pathlib import Path

from controller import bootstrap
from controller.domain.collected import StoredMonth
from controller.domain.gate import Gate
from controller.domain.month import Month
from controller.domain.status import Status
from controller.domain.usage import AccountMonth, CustomerMonth
from controller.entrypoints import exit_codes, inputs, terminal
from controller.entrypoints.choosing import choose
from controller.errors import Failure
from controller.render import status_document, status_view
from controller.render.status_figures import Known
from controller.render.tables import as_csv, as_markdown


def status(*, customer: str | None, settings: Path | None, form: str, folder: Path | None) -> int:
    """Shows, or writes one file each, what the last reconcile wrote back. Asks the table only, never AWS itself."""
    books = bootstrap.books(inputs.read_settings(settings, {}).settings)
    stored = books.statuses.load()
    month, gates = books.usage.load(Month.of(books.clock())), books.gates.load()
    known = _known(month, gates)
    broken = _tell(stored, month.customers, month.accounts)
    statuses = {owner_id: one for owner_id, one in stored.items() if isinstance(one, Status)}
    chosen = [_choose(statuses, customer)] if customer else sorted(statuses.values(), key=lambda one: one.owner_id)
    broken += _tell({id_: one for id_, one in gates.items() if not customer or id_ == chosen[0].owner_id})
    if folder:
        _write_files(folder, status_document.files(chosen, known))
    elif form == "json":
        terminal.write(status_document.to_json(chosen, known))
    elif form == "yaml":
        terminal.write(status_document.to_yaml(chosen, known))
    elif form == "csv":
        terminal.write(as_csv(status_view.to_table(chosen, known)))
    elif form == "markdown":
        terminal.write("\n".join(as_markdown(status_view.to_table(chosen, known))))
    else:
        terminal.show(status_view.details(chosen[0], known) if customer else status_view.overview(chosen, known))
    return exit_codes.PARTIAL if broken else exit_codes.OK


def _tell(*found: Mapping[str, object]) -> int:
    """How many cannot be read; each is told."""
    failures = [one for some in found for one in some.values() if isinstance(one, Failure)]
    for failure in failures:
        terminal.complain(failure)
    return len(failures)


def _known(month: StoredMonth, gates: Mapping[str, Gate | Failure]) -> Known:
    """What of it can be read."""
    stored = (*month.customers.values(), *month.accounts.values())
    return Known(
        {id_: one for id_, one in month.customers.items() if isinstance(one, CustomerMonth)},
        {name: one for name, one in month.accounts.items() if isinstance(one, AccountMonth)},
        {id_: one for id_, one in gates.items() if isinstance(one, Gate)},
        complete=not any(isinstance(one, Failure) for one in stored),
    )


def _choose(statuses: Mapping[str, Status], customer: str) -> Status:
    names = {owner_id: status.name for owner_id, status in statuses.items()}
    missing = f'no status of a customer "{customer}": was it applied?'
    return statuses[choose(customer, names, missing=missing, hint="`reconcile status` lists those that have one.")]


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Files that say the same already are left as they are, so that their times tell when something changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    terminal.say(f"{len(files)} files in {folder}")
