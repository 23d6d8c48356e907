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


def load(paths: Sequence[Path], settings: LoadedSettings, *, may_be_empty: bool = False) -> Loaded:
    """The customers in the files and folders of `paths` under `settings`.

    Folders are searched for *.yaml and *.yml; hidden files and folders are left out. Never raises for what a person
    wrote. The diagnostics of the settings themselves are not repeated. `may_be_empty`: a folder without manifests means
    what it says.
    """
    found: list[Diagnostic] = []
    files = tuple(_find(paths, found, may_be_empty=may_be_empty))
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


def _find(paths: Sequence[Path], found: list[Diagnostic], *, may_be_empty: bool) -> Iterator[Path]:
    """Every file once, in the order of names; what is missing is added to `found`."""
    seen: set[str] = set()
    for path in paths:
        if not os.path.exists(path):
            found.append(Source(str(path)).diagnostic("unreadable-file", "does not exist"))
            continue
        files = list(_walk(path, found)) if os.path.isdir(path) else [path]
        if not files and not may_be_empty:
            found.append(Source(str(path)).diagnostic("no-manifests", f"no manifests found in {path}"))
        for file in files:
            if why := _unusable(file):
                found.append(Source(_printable(file)).diagnostic("unreadable-file", why))
            elif (real := os.path.realpath(file)) not in seen:
                seen.add(real)
                yield file


def _walk(folder: Path, found: list[Diagnostic]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        found.append(Source(str(error.filename)).diagnostic("unreadable-file", f"cannot be read: {error.strerror}"))

    for inside, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if os.path.islink(os.path.join(inside, name)):  # passing it over would make orphans of its customers
                link = Source(os.path.join(inside, name))
                found.append(link.diagnostic("unreadable-file", "is a link to a folder: name that folder with -f"))
        for name in sorted(names):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(inside, name)


def _unusable(file: Path) -> str:
    """Why a file cannot be a manifest whatever is in it; empty: it can."""
    if _printable(file) != str(file):
        return "has a name that is not UTF-8"
    return "" if os.path.isfile(file) else "is not a regular file"


def _printable(file: Path) -> str:
    return str(file).encode("utf-8", "backslashreplace").decode()


def _digest(customers: Sequence[Customer]) -> str:
    """12 hex digits over all specs."""
    specs = "\n".join(f"{customer.customer_id} {customer.name} {customer.generation}" for customer in customers)
    return hashlib.sha256(specs.encode()).hexdigest()[:12]
