"""Files that commands write."""

from contextlib import suppress
from pathlib import Path

from controller.errors import ReconcileError


def save(path: Path, data: bytes, what: str = "it") -> None:
    """In one step: a file of that name is replaced, and never half written. `what` names in errors what it is."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ReconcileError(f"{what} could not be saved: {path}: {error.strerror}") from error
