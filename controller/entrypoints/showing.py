"""The command `status`."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from controller.bootstrap import home_door
from controller.domain.status import Status
from controller.entrypoints import exit_codes, inputs, terminal
from controller.errors import Failure, ReconcileError
from controller.render import status_document, status_view
from controller.store.statuses import Statuses


def status(*, customer: str | None, settings: Path | None, form: str, folder: Path | None) -> int:
    """Shows, or writes one file each, what the last reconcile wrote back. Asks the table only, never AWS itself."""
    loaded = inputs.read_settings(settings, {}).settings
    stored = Statuses(home_door(loaded), loaded.tables.billing).load()
    broken = [str(one) for one in stored.values() if isinstance(one, Failure)]
    statuses = {owner_id: one for owner_id, one in stored.items() if isinstance(one, Status)}
    for told in broken:
        terminal.say(f"Error: {told}")
    chosen = [_choose(statuses, customer)] if customer else sorted(statuses.values(), key=lambda one: one.owner_id)
    if folder:
        _write_files(folder, status_document.files(chosen))
    elif form == "json":
        terminal.write(status_document.to_json(chosen))
    elif form == "yaml":
        terminal.write(status_document.to_yaml(chosen))
    else:
        terminal.show(status_view.details(chosen[0]) if customer else status_view.overview(chosen))
    return exit_codes.PARTIAL if broken else exit_codes.OK


def _choose(statuses: Mapping[str, Status], customer: str) -> Status:
    by_name = {status.name: status for status in statuses.values()}
    found = statuses.get(customer) or by_name.get(customer)
    if found is None:
        known = sorted({*statuses, *by_name})
        near = [name for name in known if name.startswith(customer)] or get_close_matches(customer, known, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else " `reconcile status` lists those that have one."
        raise ReconcileError(f'no status of a customer "{customer}": was it applied?{hint}')
    return found


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Files that say the same already are left as they are, so that their times tell when something changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    terminal.say(f"{len(files)} files in {folder}")
