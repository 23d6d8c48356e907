"""Customers out of files: all that can be used, and everything that is wrong with the rest, in one run."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.domain.customer import Customer
from controller.domain.diagnostic import Diagnostic
from controller.domain.resolve import lender
from controller.manifests.customers import Entry, check_together, read_customer
from controller.manifests.documents import parse_file
from controller.manifests.settings_file import LoadedSettings
from controller.manifests.source import Source

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files say.

    `customers` are those without errors, by id; `diagnostics` is everything found, by place. `complete` is False when
    there was any error: then a customer that is missing here may still be wanted. `digest` covers what is asked for.
    """

    customers: tuple[Customer, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: int
    complete: bool
    digest: str
    paths: tuple[Path, ...] = field(default=(), compare=False)

    def covers(self, file: str) -> bool:
        """Is `file`, whether or not it still exists, among the paths that were read, or in one of their folders?"""
        wanted = Path(os.path.abspath(file))
        return any(wanted.is_relative_to(os.path.abspath(path)) for path in self.paths)


def load(paths: Sequence[Path], settings: LoadedSettings) -> Loaded:
    """The customers in the files and folders of `paths` under `settings`.

    Folders are searched for *.yaml and *.yml; hidden files and folders are left out. Never raises for what a person
    wrote. The diagnostics of the settings themselves are not repeated.
    """
    found: list[Diagnostic] = []
    files = tuple(_find(paths, found))
    entries: list[Entry] = []
    defaults = lender(settings.origin)
    for file in files:
        for document in parse_file(file):
            if isinstance(document, Diagnostic):
                found.append(document)
                continue
            entry, diagnostics = read_customer(document, settings.settings, defaults)
            found += diagnostics
            entries += [entry] if entry else []
    customers, shared = check_together(entries)
    found += shared
    return Loaded(
        customers=customers,
        diagnostics=tuple(sorted(set(found))),
        files=len(files),
        complete=not any(diagnostic.is_error for diagnostic in found),
        digest=_digest(customers),
        paths=tuple(paths),
    )


def _find(paths: Sequence[Path], found: list[Diagnostic]) -> Iterator[Path]:
    """Every file once, in the order of names; what is missing is added to `found`."""
    seen: set[str] = set()
    for path in paths:
        if not path.exists():
            found.append(Source(str(path)).diagnostic("unreadable-file", "does not exist"))
            continue
        files = list(_walk(path, found)) if path.is_dir() else [path]
        if not files:
            found.append(Source(str(path)).diagnostic("no-manifests", f"no manifests found in {path}"))
        for file in files:
            if (real := os.path.realpath(file)) not in seen:
                seen.add(real)
                yield file


def _walk(folder: Path, found: list[Diagnostic]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        found.append(Source(str(error.filename)).diagnostic("unreadable-file", f"cannot be read: {error.strerror}"))

    for inside, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(inside, name)


def _digest(customers: Sequence[Customer]) -> str:
    """12 hex digits over all specs."""
    specs = "\n".join(f"{customer.customer_id} {customer.name} {customer.generation}" for customer in customers)
    return hashlib.sha256(specs.encode()).hexdigest()[:12]
