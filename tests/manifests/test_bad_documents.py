"""Golden cases: each file of bad/ and bad_settings/ beside what is said about it, word for word.

The first line of each file says why the case is there. `python -m tests.manifests.test_bad_documents` writes the .txt
files anew; read the difference before you commit it.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.domain.diagnostic import RULES, Diagnostic
from controller.manifests.files import load
from controller.manifests.settings_file import LoadedSettings, load_settings

HERE = Path(__file__).parent
MANIFESTS = sorted((HERE / "bad").glob("*.yaml"))
SETTINGS = sorted((HERE / "bad_settings").glob("*.yaml"))
ELSEWHERE = {
    "control-character",
    "file-too-large",
    "no-manifests",
    "not-utf8",
    "topic-account",
    "unreadable-file",
}
"""Rules that need bytes, folders or other settings than a golden file has: see test_files.py and test_documents.py."""


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_says_word_for_word_what_is_wrong_with_a_manifest(path: Path) -> None:
    assert headlines(load([path], LoadedSettings()).diagnostics) == expected(path)


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.stem)
def test_says_word_for_word_what_is_wrong_with_settings(path: Path) -> None:
    loaded = load_settings(path, {}, {})
    assert headlines(loaded.diagnostics) == expected(path)
    assert loaded == LoadedSettings(diagnostics=loaded.diagnostics), "wrong settings are not half used"


def test_every_rule_has_a_case() -> None:
    golden = {line.split("[", 1)[1].split("]", 1)[0] for path in (*MANIFESTS, *SETTINGS) for line in expected(path)}
    assert golden | ELSEWHERE == set(RULES)


def test_every_case_says_why_it_is_there() -> None:
    for path in (*MANIFESTS, *SETTINGS):
        assert path.read_text().startswith("# "), path


def headlines(diagnostics: Sequence[Diagnostic]) -> list[str]:
    """One line each, without the folder, so that the checkout may stand anywhere."""
    return [
        f"{found.line}:{found.column}-{found.end_column}: {found.severity}[{found.rule}]: {found.message}"
        f"{'; ' * bool(found.suggestion)}{found.suggestion}".replace(f"{HERE}/", "")
        for found in diagnostics
    ]


def expected(path: Path) -> list[str]:
    return path.with_suffix(".txt").read_text().splitlines()


if __name__ == "__main__":
    for manifest in MANIFESTS:
        found = headlines(load([manifest], LoadedSettings()).diagnostics)
        manifest.with_suffix(".txt").write_text("\n".join(found) + "\n")
    for settings in SETTINGS:
        found = headlines(load_settings(settings, {}, {}).diagnostics)
        settings.with_suffix(".txt").write_text("\n".join(found) + "\n")
