"""`reconcile savings` as a person asks it: what it prints, how it exits, and what it asks AWS for."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import bootstrap
from controller.bootstrap import Books
from controller.domain.settings import Settings
from controller.domain.usage import BucketStorage, CustomerMonth
from controller.entrypoints.cli import run
from controller.errors import PermanentFailure
from controller.sandbox import Sandbox
from tests.collected import Shelf
from tests.entrypoints.conftest import manifest, write
from tests.fakes import Clock
from tests.usage.test_inventory import NAMES, row, write_csv

GIB = 2**30
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
SEED = ["savings", "--size-gb", "1000", "--under", "results/=100", "--prices", "seed"]


def month(customer_id: str, **more: Any) -> CustomerMonth:
    storage = BucketStorage(f"{customer_id}-bucket", {"StandardStorage": 1000 * GIB}, 10_000, NOW)
    given: dict[str, Any] = {"storage": (storage,), **more}
    return CustomerMonth(customer_id, "2026-11", **given)


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put(month("acme"))
    return shelf


@pytest.fixture(autouse=True)
def books(folder: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """acme and beta are declared, and acme was collected."""
    real = bootstrap.books

    def shelved(settings: Settings) -> Books:
        return replace(real(settings), usage=shelf, clock=Clock(NOW))

    monkeypatch.setattr(bootstrap, "books", shelved)


Told = Callable[..., Any]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def ask(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run(["savings", *arguments, "-o", "json"]) == code
        return json.loads(capsys.readouterr().out, parse_float=Decimal)

    return ask


def test_the_example_of_the_design_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SEED) == 0
    out = capsys.readouterr().out
    assert "All in Standard:  23.00 USD a month" in out
    assert "Under the rules:  8.50 USD a month" in out
    assert "Saves:            14.50 USD a month against all in Standard, 63.0 %" in out


def test_every_form_says_the_same_and_has_the_assumptions(capsys: pytest.CaptureFixture[str]) -> None:
    forms = {}
    for form in ("table", "json", "yaml", "csv", "markdown"):
        capsys.readouterr()
        assert run([*SEED, "-o", form]) == 0
        forms[form], errors = capsys.readouterr()
        assert errors == ""
    assert yaml.safe_load(forms["yaml"]) == json.loads(forms["json"])
    (line,) = csv.DictReader(io.StringIO(forms["csv"], newline=""))
    assert (line["all_standard_usd"], line["steady_low_usd"], line["moving_high_usd"]) == ("23.00", "8.50", "")
    assert all("Ages are assumed" in text and "Retrieval is not in it" in text for text in forms.values())


def test_all_customers_by_what_was_collected(told: Told) -> None:
    answer = told()
    acme, beta = answer["buckets"]
    assert (acme["name"], acme["steady_usd"]) == ("acme", {"low": Decimal("8.30"), "high": Decimal("23.00")})
    assert acme["moving_once_usd"] == {"low": Decimal("0.00"), "high": Decimal("0.21")}
    assert acme["ages"] == "assumed"
    assert beta["now_usd"] is beta["saves_usd"]["low"] is beta["bytes"] is None, "unknown is not zero"
    assert beta["advice"].startswith("no storage figures were collected: `reconcile collect`")
    assert answer["complete"] is False
    assert answer["steady_usd"]["low"] == sum(answer["steady_usd"]["low_parts"].values())


def test_nothing_known_at_all(told: Told, shelf: Shelf) -> None:
    shelf.customers.clear()
    answer = told("acme")
    assert answer["saves_usd"] == {"low": None, "high": None}
    assert [one["now_usd"] for one in answer["buckets"]] == [None]


def test_a_bucket_that_was_not_measured(told: Told, shelf: Shelf) -> None:
    shelf.put(month("acme", storage=(BucketStorage("acme-bucket"),)))
    (bucket,) = told("acme")["buckets"]
    assert bucket["bytes"] is None
    assert bucket["advice"].startswith("CloudWatch has no size of it yet")


def test_an_item_that_cannot_be_read_is_told(shelf: Shelf, told: Told) -> None:
    shelf.customers["2026-11", "acme"] = PermanentFailure("the usage of acme is not one that this tool wrote")
    assert told("acme", code=5)["buckets"][0]["bytes"] is None


def test_what_cloudwatch_adds_to_objects_is_no_data(told: Told, shelf: Shelf) -> None:
    sizes = {"GlacierStorage": 100 * GIB, "GlacierObjectOverhead": 5 * GIB, "GlacierS3ObjectOverhead": GIB}
    shelf.put(month("acme", storage=(BucketStorage("acme-bucket", sizes, 100, NOW),)))
    (bucket,) = told("acme")["buckets"]
    assert bucket["bytes"] == 100 * GIB
    assert bucket["now_usd"] == Decimal("0.36")


def test_a_class_without_a_price_is_told(told: Told, shelf: Shelf) -> None:
    sizes = {"IntelligentTieringFAStorage": 100 * GIB}
    shelf.put(month("acme", storage=(BucketStorage("acme-bucket", sizes, 100, NOW),)))
    answer = told("acme")
    assert answer["now_usd"] == Decimal("2.30")
    assert any("for want of another one: IntelligentTieringFAStorage" in one for one in answer["assumptions"])


# Inventories


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    rows = [
        row("results/old.bam", 100 * GIB, "2026-01-01T00:00:00.000Z", bucket="acme-bucket"),
        row("raw/old.bam", 10 * GIB, "2026-01-01T00:00:00.000Z", bucket="acme-bucket"),
        row("logs/old.txt", GIB, "2026-01-01T00:00:00.000Z", bucket="acme-bucket"),
    ]
    return write_csv(tmp_path / "inventory.csv.gz", rows)


def test_an_inventory_leaves_nothing_to_assume(inventory: Path, told: Told, shelf: Shelf, sandbox: Sandbox) -> None:
    sandbox.clear_requests()
    answer = told("acme", "--inventory", str(inventory))
    (bucket,) = answer["buckets"]
    assert bucket["steady_usd"] == {"low": Decimal("0.59"), "high": Decimal("0.59")}, "100 in Glacier, 10 as they are"
    assert bucket["now_usd"] == Decimal("2.55")
    assert bucket["ages"] == "inventory"
    assert not any("assumed" in one for one in answer["assumptions"])
    assert shelf.reads == []
    assert [one for one in sandbox.requests if one.service != "sts"] == []


def test_buckets_that_no_inventory_is_given_of_are_as_collected(inventory: Path, told: Told, shelf: Shelf) -> None:
    shelf.put(month("beta"))
    assert [one["ages"] for one in told("--inventory", str(inventory))["buckets"]] == ["inventory", "assumed"]


def test_remarks_on_an_inventory_stand_in_the_answer(told: Told, tmp_path: Path) -> None:
    rows = [row("a", -1, bucket="acme-bucket"), row("b", GIB, latest="false", bucket="acme-bucket")]
    path = write_csv(tmp_path / "1.csv", rows)
    told_ = " ".join(told("acme", "--inventory", str(path))["assumptions"])
    assert "1 rows of the inventory have no size" in told_
    assert "acme-bucket keeps versions" in told_


# Bad input


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["acm"], 1, 'no manifest declares a customer "acm". Did you mean "acme"?'),
        (["--size-gb", "1", "--inventory", "x.csv"], 64, "one of the two"),
        (["--objects", "1"], 64, "they go with --size-gb"),
        (["--under", "results/"], 64, "is no PREFIX=PERCENT, like results/=80"),
        (["--under", "results/=80", "--under", "logs/=30"], 64, "together they are more than 100 %"),
        (["--under", "result/=80"], 64, "--under result/: no rule is for it, only for logs/, results/."),
        (["--retention-days", "0"], 64, "not in the range"),
        (["--prices", "cheap"], 3, "have no set 'cheap', only list, seed"),
        (["--size-gb", "1", "--region", "mars-1"], 3, "no prices for the region 'mars-1', only for us-east-1"),
        (["--inventory", "none.csv"], 3, "none.csv: there is no such file"),
    ],
)  # fmt: skip
def test_bad_input_says_what_to_do(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["savings", *arguments]) == code
    out, err = capsys.readouterr()
    assert says in err.replace("\n", " ")
    assert out == ""


def test_the_inventory_of_another_bucket_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_csv(tmp_path / "1.csv", [row("a", bucket="foreign")])
    assert run(["savings", "--inventory", str(path)]) == 3
    assert "of foreign, which is no bucket of these customers: acme-bucket, beta-bucket" in capsys.readouterr().err


def test_a_customer_without_rules_saves_nothing(folder: Path, told: Told) -> None:
    spec = manifest("acme", "acme-bucket")
    spec["spec"]["storage"]["lifecycle"] = {"enabled": False}
    write(folder, spec)
    assert told("acme")["saves_usd"] == {"low": Decimal("0.00"), "high": Decimal("0.00")}


def test_names_of_columns_are_not_taken_for_a_bucket(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["savings", "--inventory", str(write_csv(tmp_path / "1.csv", [NAMES]))]) == 3
    assert "of Bucket, which is no bucket" in capsys.readouterr().err
