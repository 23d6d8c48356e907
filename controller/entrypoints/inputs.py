"""Manifests and settings as the commands take them: read, checked, and told about."""

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.domain.diagnostic import Diagnostic
from controller.domain.safety import EMPTY
from controller.entrypoints import exit_codes
from controller.entrypoints.terminal import say, write
from controller.errors import InvalidInput
from controller.fleet import Desired
from controller.manifests.files import Loaded, load
from controller.manifests.settings_file import LoadedSettings, load_settings
from controller.render.diagnostics import FORMATS, render_text

DEFAULT_PATHS = (Path("customers"),)
DEFAULT_SETTINGS = Path("config/billing_config.yaml")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run works from."""

    settings: LoadedSettings
    manifests: Loaded

    @property
    def desired(self) -> Desired:
        return Desired(self.manifests.customers, self.manifests.complete, self.manifests.covers)


def read_settings(path: Path | None, overrides: Mapping[str, object]) -> LoadedSettings:
    """The settings, valid. Raises InvalidInput after telling every error."""
    settings = _settings(path, overrides)
    if not settings.is_valid:
        say(render_text(settings.diagnostics))
        raise InvalidInput("the settings are not valid")
    return settings


def read(
    paths: Sequence[Path],
    settings_path: Path | None,
    overrides: Mapping[str, object],
    *,
    keep_going: bool,
    allow: Collection[str] = (),
) -> Inputs:
    """Settings and manifests. Raises InvalidInput after telling every error, unless `keep_going` and some are valid."""
    settings = read_settings(settings_path, overrides)
    empty = EMPTY in {*allow, *settings.settings.safety.allow}
    manifests = load(paths or DEFAULT_PATHS, settings, may_be_empty=empty)
    if manifests.diagnostics:
        say(render_text(manifests.diagnostics, manifests.files))
    if not manifests.complete and not keep_going:
        raise InvalidInput("nothing was done: there are invalid manifests (--keep-going goes on with the valid ones)")
    if not manifests.complete and not manifests.customers:
        raise InvalidInput("nothing was done: no manifest is valid")
    return Inputs(settings, manifests)


def validate(paths: Sequence[Path], settings: Path | None, form: str) -> int:
    """The command `validate`. Diagnostics are its data, so they go to stdout."""
    loaded_settings = _settings(settings, {})
    manifests = load(paths or DEFAULT_PATHS, loaded_settings)
    found: tuple[Diagnostic, ...] = (*loaded_settings.diagnostics, *manifests.diagnostics)
    if text := FORMATS[form](found, manifests.files):
        write(text)
    if any(diagnostic.is_error for diagnostic in found):
        return exit_codes.INVALID
    if form == "text":
        write(f"{len(manifests.customers)} customers in {manifests.files} files are valid.")
    return exit_codes.OK


def git_commit(paths: Sequence[Path]) -> str:
    """The commit that the manifests are of, with `-dirty` where they differ from it; empty outside of git."""
    where = next(iter(paths or DEFAULT_PATHS))
    folder = where if where.is_dir() else where.parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def settings_file(path: Path | None) -> Path | None:
    """The file that the settings stand in: this one, else the usual one, where there is one."""
    return path or (DEFAULT_SETTINGS if DEFAULT_SETTINGS.exists() else None)


def _settings(path: Path | None, overrides: Mapping[str, object]) -> LoadedSettings:
    return load_settings(settings_file(path), os.environ, overrides)
