"""The example documents of the documentation are what the tool makes: `make examples` makes them anew.

They are of the seed's customer acme-genomics for January 2024, on the local AWS, by docs/examples/settings.yaml.
"""

import os
from pathlib import Path

import pytest

from controller.entrypoints.cli import run
from controller.sandbox import Sandbox
from controller.sandbox.seed import seed

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
UPDATE = bool(os.environ.get("UPDATE_DOCS"))
NAMES = ("draft.html", "statement.html", "statement.pdf", "statement.csv")


@pytest.fixture
def made(tmp_path: Path, local_environment: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.bootstrap.utc_now", local_environment.now)
    monkeypatch.setenv("RECONCILE_SETTINGS", str(EXAMPLES / "settings.yaml"))
    (tmp_path / "customers").mkdir()
    (tmp_path / "customers" / "acme.yaml").write_text((ROOT / "customers" / "acme.yaml").read_text())
    seed(local_environment)
    of = ["statement", "cust_abc123", "--month", "2024-01"]
    commands = [["init", "--aws"], ["collect", "-q", "--month", "2024-01"]]
    commands += [[*of, "-o", "html", "--out", "draft.html"], [*of, "--issue", "--yes"]]
    commands += [[*of, "-o", form, "--out", f"statement.{form}"] for form in ("html", "pdf", "csv")]
    assert [run(command) for command in commands] == [0] * len(commands)
    return tmp_path


def test_the_example_documents_are_fresh(made: Path) -> None:
    if UPDATE:
        for name in NAMES:
            (EXAMPLES / name).write_bytes((made / name).read_bytes())
    stale = [name for name in NAMES if (made / name).read_bytes() != (EXAMPLES / name).read_bytes()]
    assert not stale, "run `make examples`"
    assert sorted(path.name for path in EXAMPLES.iterdir()) == sorted([*NAMES, "settings.yaml"])
