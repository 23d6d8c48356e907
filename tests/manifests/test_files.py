"""Files and folders to customers: everything usable, everything wrong, and never a customer too few unnoticed."""

import os
import time
import tracemalloc
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.customer import Customer
from controller.domain.settings import AccountSettings, Settings
from controller.manifests.files import Loaded, load
from controller.manifests.settings_file import LoadedSettings, load_settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "customers" / "acme.yaml").read_text()


def example(number: int) -> str:
    return EXAMPLE.replace("cust_abc123", f"cust_{number:05}").replace("acme-genomics", f"acme-{number:05}")


def loaded(*paths: Path, settings: Settings | None = None) -> Loaded:
    return load(paths, LoadedSettings(settings or Settings()))


def rules(found: Loaded) -> list[str]:
    return [diagnostic.rule for diagnostic in found.diagnostics]


def test_the_examples_are_right_under_the_settings_of_the_repository() -> None:
    config = load_settings(ROOT / "config" / "billing_config.yaml", {}, {})
    found = load([ROOT / "customers"], config)
    assert config.diagnostics == ()
    assert found.diagnostics == ()
    assert found.complete
    names = [customer.name for customer in found.customers]
    assert names == ["acme-genomics", "beta-bio", "delta-diagnostics", "epsilon-oncology", "gamma-labs"]


def test_folders_are_searched_and_hidden_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "deep" / ".git").mkdir(parents=True)
    (tmp_path / "b.yaml").write_text(example(1))
    (tmp_path / "deep" / "a.YML").write_text(example(2) + "---\n" + example(3))
    (tmp_path / "deep" / ".hidden.yaml").write_text("[")
    (tmp_path / "deep" / ".git" / "x.yaml").write_text("[")
    (tmp_path / "notes.txt").write_text("[")
    found = loaded(tmp_path)
    assert found.diagnostics == ()
    assert (found.files, len(found.customers)) == (2, 3)


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(example(1))
    (tmp_path / "link.yaml").symlink_to(file)
    assert loaded(tmp_path, file, tmp_path / ".." / tmp_path.name).files == 1


def test_what_is_missing_or_empty_is_an_error(tmp_path: Path) -> None:
    found = loaded(tmp_path / "no.yaml", tmp_path)
    assert rules(found) == ["no-manifests", "unreadable-file"]
    assert not found.complete


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_must_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(example(1))
    (tmp_path / "a.yaml").chmod(0)
    assert rules(loaded(tmp_path)) == ["unreadable-file"]


def test_the_valid_ones_load_beside_invalid_ones_and_the_whole_is_not_complete(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(example(1) + "---\n" + example(2).replace("us-west-2", "moon"))
    (tmp_path / "b.yaml").write_text("[")
    (tmp_path / "c.yaml").write_text(example(3))
    found = loaded(tmp_path)
    assert [customer.customer_id for customer in found.customers] == ["cust_00001", "cust_00003"]
    assert rules(found) == ["region", "invalid-yaml"]
    assert not found.complete


def test_a_warning_leaves_the_whole_complete(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(EXAMPLE.replace("Acme Genomics", "Acme (UK)"))
    found = loaded(tmp_path)
    assert rules(found) == ["sanitised-name"]
    assert found.complete
    assert found.customers[0].display_name == "Acme (UK)", "the record keeps the raw name"


@pytest.mark.parametrize(
    ("rule", "same"),
    [
        ("duplicate-customer", "customerId: cust_00001"),
        ("duplicate-name", "name: acme-00001}"),
        ("duplicate-bucket", "name: daylily-customer-acme-00001"),
    ],
)
def test_what_belongs_to_one_customer_may_not_be_claimed_by_two(tmp_path: Path, rule: str, same: str) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(example(1))
    second.write_text(example(2).replace(same.replace("00001", "00002"), same) + "---\n" + example(3))
    found = loaded(tmp_path)
    [diagnostic] = found.diagnostics
    assert (diagnostic.rule, diagnostic.file) == (rule, str(second))
    assert f"{first}:" in diagnostic.message, "both places are named"
    assert [customer.customer_id for customer in found.customers] == ["cust_00003"], "nobody knows which one is meant"


def test_one_name_in_two_namespaces_is_two_names(tmp_path: Path) -> None:
    other = example(2).replace("{name: acme-00002}", "{name: acme-00001, namespace: other}")
    (tmp_path / "a.yaml").write_text(example(1) + "---\n" + other)
    assert loaded(tmp_path).diagnostics == ()


def test_a_topic_must_be_in_the_account_of_the_budget(tmp_path: Path) -> None:
    topic = "topicArn: arn:aws:sns:us-east-1:999999999999:alarms"
    (tmp_path / "a.yaml").write_text(EXAMPLE.replace("notify: [email, sns]}", f"notify: [email, sns], {topic}}}"))
    accounts = (AccountSettings(name="default", id="123456789012"),)
    assert rules(loaded(tmp_path, settings=Settings(accounts=accounts))) == ["topic-account"]
    assert loaded(tmp_path).complete, "nobody knows the account's id here"


def test_an_account_must_be_one_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(EXAMPLE.replace("account: default", "account: prodd"))
    dev = AccountSettings(name="dev", role_arn="arn:aws:iam::222222222222:role/reconcile")
    accounts = (AccountSettings(name="prod"), dev)
    [diagnostic] = loaded(tmp_path, settings=Settings(accounts=accounts)).diagnostics
    assert diagnostic.rule == "unknown-account"
    assert diagnostic.suggestion == 'did you mean "prod"?'


def test_knows_which_files_belong_to_what_was_read(tmp_path: Path) -> None:
    found = loaded(tmp_path / "folder", tmp_path / "one.yaml")
    assert found.covers(str(tmp_path / "folder" / "deep" / "gone.yaml"))
    assert found.covers(str(tmp_path / "one.yaml"))
    assert not found.covers(str(tmp_path / "two.yaml"))
    assert not found.covers(str(tmp_path / "folder-two" / "a.yaml"))


def test_the_origin_of_every_part_can_be_found_again() -> None:
    config = load_settings(ROOT / "config" / "billing_config.yaml", {}, {})
    for customer in load([ROOT / "customers"], config).customers:
        for part in parts_of(customer):
            place = customer.origin.locate(part.source)
            assert place is not None
            where = Path(place.file).read_text().splitlines()[place.line - 1]
            assert place.line > 1, f"{part.source} is found at {place}: {where}"


def parts_of(customer: Customer) -> list[Any]:
    lifecycle, budget = customer.lifecycle, customer.budget
    assert lifecycle
    assert budget
    return [*customer.buckets, lifecycle, *lifecycle.transitions, *lifecycle.expirations, budget, *budget.alerts]


@settings(max_examples=30, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_the_order_of_keys_lists_and_files_means_nothing(
    tmp_path_factory: pytest.TempPathFactory, random: Random
) -> None:
    ordered, shuffled = tmp_path_factory.mktemp("ordered"), tmp_path_factory.mktemp("shuffled")
    files = sorted((ROOT / "customers").glob("*.yaml"))
    for name, file in zip(random.sample("abcdefghij", len(files)), files, strict=True):
        document = yaml.safe_load(file.read_text())
        (ordered / file.name).write_text(yaml.safe_dump(document, sort_keys=False))
        (shuffled / f"{name}.yaml").write_text(yaml.safe_dump(shuffle(document, random), sort_keys=False))
    one, two = loaded(ordered), loaded(shuffled)
    assert one.complete
    assert (one.customers, one.digest) == (two.customers, two.digest)


def shuffle(value: Any, random: Random) -> Any:
    if isinstance(value, dict):
        return {key: shuffle(value[key], random) for key in random.sample(sorted(value), len(value))}
    if isinstance(value, list):
        return [shuffle(item, random) for item in random.sample(value, len(value))]
    return value


def test_a_thousand_customers_take_about_a_second_and_little_memory(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number}.yaml").write_text(example(number))
    started = time.process_time()
    assert len(loaded(tmp_path).customers) == 1000
    assert time.process_time() - started < 5, "0.6 s on two idle cores; the rest is for a busy machine"


def test_positions_take_less_than_two_kilobytes_a_customer(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.yaml").write_text(example(number))
    tracemalloc.start()
    try:
        found = loaded(tmp_path)
        origins = [customer.origin for customer in found.customers]
        whole = tracemalloc.get_traced_memory()[0]
        for origin in origins:
            object.__setattr__(origin, "places", {})
        freed = whole - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0 < freed / len(origins) < 2048
