"""Lifecycle rules: one document that others share, so everything in it that is not ours goes back as it came."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.customer import Bucket, Customer, Expiration, Lifecycle, Transition
from controller.domain.resource import Absent, Present, Target, Unreadable
from controller.errors import TransientFailure
from controller.kinds.bucket_lifecycle import BucketLifecycle, BucketRules
from controller.kinds.lifecycle_rule import Rule, from_aws, to_aws
from controller.sandbox import Fault, Sandbox
from tests.kinds.setting import ACME, BUCKET, Life, context, look, make_bucket, writes
from tests.kinds.worlds import RICH_RULES

SEED_RULES: list[dict[str, Any]] = [
    {
        "ID": "TransitionToIA",
        "Status": "Enabled",
        "Filter": {"Prefix": "results/"},
        "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}],
    },
    {"ID": "DeleteOldLogs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 90}},
]
V1_RULE = {"ID": "archive-reports", "Prefix": "reports/", "Status": "Enabled", "Expiration": {"Days": 3650}}
OUR_RULES = [
    {
        "ID": "daylily-CleanupIncomplete",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {**SEED_RULES[1], "ID": "daylily-DeleteOldLogs"},
    {**SEED_RULES[0], "ID": "daylily-TransitionToIA"},
]


@pytest.fixture
def sandbox(local_environment: Sandbox) -> Sandbox:
    make_bucket(local_environment)
    local_environment.clear_requests()
    return local_environment


@pytest.fixture
def kind(sandbox: Sandbox) -> BucketLifecycle:
    return BucketLifecycle(context(sandbox))


@pytest.fixture
def life(kind: BucketLifecycle) -> Life:
    return Life(kind)


def put_rules(sandbox: Sandbox, *rules: Mapping[str, Any], mode: str = "all_storage_classes_128K") -> None:
    sandbox.client("s3").put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": list(rules)}, TransitionDefaultMinimumObjectSize=mode
    )
    sandbox.clear_requests()


def rules(sandbox: Sandbox) -> list[Mapping[str, Any]]:
    return sorted(sandbox.buckets.rules(BUCKET), key=lambda rule: str(rule["ID"]))


def ids(sandbox: Sandbox) -> list[str]:
    return [rule["ID"] for rule in rules(sandbox)]


def with_lifecycle(
    *expirations: Expiration, transitions: tuple[Transition, ...] = (), abort: int | None = None
) -> Customer:
    return replace(ACME, lifecycle=Lifecycle(transitions, expirations, abort))


def notes(life: Life, owner: Customer) -> list[tuple[str, str]]:
    """What a plan would say, with its level."""
    there = life.states(owner).get(BUCKET)
    return [(note.level, note.text) for note in life.kind.notes(BUCKET, there, life.kind.desired(owner).get(BUCKET))]


def test_the_three_rules_stand_in_awss_own_form(life: Life, sandbox: Sandbox) -> None:
    """Each with a Filter: S3 refuses the seed's CleanupIncomplete, which has none."""
    life.put(ACME)
    assert rules(sandbox) == OUR_RULES
    assert writes(sandbox) == ["PutBucketLifecycleConfiguration"]


def test_the_seeds_bare_rules_are_adopted_and_replaced(life: Life, sandbox: Sandbox) -> None:
    put_rules(sandbox, *SEED_RULES)
    assert set(life.states(ACME)[BUCKET].rules) == {"TransitionToIA", "DeleteOldLogs"}, "ours, from before"
    assert (
        "info",
        "DeleteOldLogs, TransitionToIA: our rules from before, replaced by the ones named daylily-*",
    ) in notes(life, ACME)
    life.put(ACME)
    assert rules(sandbox) == OUR_RULES


def test_a_foreign_rule_in_the_old_form_is_converted_and_that_is_said(life: Life, sandbox: Sandbox) -> None:
    """S3 takes no document that mixes a top-level Prefix with Filters."""
    put_rules(sandbox, V1_RULE)
    told = "archive-reports, same effect, rewritten from Prefix to Filter: S3 refuses a mix"
    assert life.look(ACME) == {BUCKET: Absent((told,))}
    assert look(life.kind, Target(BUCKET)) == {BUCKET: Absent(("archive-reports",))}, "nothing is wanted here"
    life.put(ACME)
    same = {key: value for key, value in V1_RULE.items() if key != "Prefix"} | {"Filter": {"Prefix": "reports/"}}
    assert rules(sandbox) == [same, *OUR_RULES]


def test_a_conversion_that_an_update_makes_is_told(life: Life, sandbox: Sandbox) -> None:
    ours_in_the_old_form = {**{k: v for k, v in OUR_RULES[1].items() if k != "Filter"}, "Prefix": "logs/"}
    put_rules(sandbox, V1_RULE, ours_in_the_old_form)
    assert (
        "info",
        "archive-reports: not ours, same effect, rewritten from Prefix to Filter: S3 refuses a mix",
    ) in notes(life, ACME)
    life.put(ACME)
    assert ids(sandbox) == ["archive-reports", *(rule["ID"] for rule in OUR_RULES)]


def test_a_document_without_ours_is_not_converted_for_nothing(life: Life, sandbox: Sandbox) -> None:
    ours_in_the_old_form = {**{k: v for k, v in OUR_RULES[1].items() if k != "Filter"}, "Prefix": "logs/"}
    put_rules(sandbox, V1_RULE, ours_in_the_old_form)
    life.remember(BUCKET, BucketRules({}, "us-west-2"))
    life.delete()
    assert rules(sandbox) == [V1_RULE]


@pytest.mark.parametrize("mode", ["varies_by_storage_class", "all_storage_classes_128K"])
def test_the_minimum_size_mode_is_sent_as_it_was(life: Life, sandbox: Sandbox, mode: str) -> None:
    """S3 flips it to its new default when a write does not say it: small objects would no longer move."""
    put_rules(sandbox, RICH_RULES[0], mode=mode)
    for owner in (ACME, with_lifecycle(Expiration("logs/", 30))):
        life.put(owner)
        assert sandbox.buckets.config(BUCKET).minimum_size_mode == mode
    life.delete()
    assert sandbox.buckets.config(BUCKET).minimum_size_mode == mode


@pytest.mark.parametrize("rule", RICH_RULES, ids=lambda rule: rule["ID"])
def test_foreign_rules_of_any_shape_survive(life: Life, sandbox: Sandbox, rule: dict[str, Any]) -> None:
    put_rules(sandbox, rule)
    before = rules(sandbox)
    for owner in (ACME, with_lifecycle(Expiration("logs/", 30))):
        life.put(owner)
        assert [one for one in rules(sandbox) if one["ID"] == rule["ID"]] == before
    life.delete()
    assert rules(sandbox) == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Status": "Disabled"}, "a rule that is switched off does nothing"),
        ({"Expiration": {"Days": 9}}, "other days"),
        ({"Filter": {"Prefix": "log/"}}, "another prefix"),
        ({"Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}]}}}, "for some objects only"),
        ({"Filter": {"ObjectSizeGreaterThan": 5}}, "no prefix any more"),
        ({"Expiration": {"Date": "2030-01-01T00:00:00Z"}}, "a date instead of days"),
        ({"NoncurrentVersionExpiration": {"NoncurrentDays": 5}}, "more than we ask for"),
        ({"Transitions": [{"Days": 0, "StorageClass": "GLACIER_IR"}]}, "another action beside ours"),
    ],
)
def test_a_rule_changed_by_hand_is_a_difference_and_is_put_right(
    life: Life, sandbox: Sandbox, change: dict[str, Any], why: str
) -> None:
    put_rules(sandbox, *OUR_RULES[::2], {**OUR_RULES[1], **change})
    assert life.states(ACME) != dict(life.kind.desired(ACME)), why
    life.put(ACME)
    assert rules(sandbox) == OUR_RULES


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Filter": {"Prefix": ""}}, "how the API reference writes all objects"),
        ({"Filter": {}}, "how the console writes them"),
    ],
)
def test_other_spellings_of_the_same_rule_are_no_difference(
    life: Life, sandbox: Sandbox, change: dict[str, Any], why: str
) -> None:
    put_rules(sandbox, {**OUR_RULES[0], **change}, *OUR_RULES[1:])
    assert life.states(ACME) == dict(life.kind.desired(ACME)), why


def test_rule_ids_follow_prefixes_so_order_means_nothing(life: Life, sandbox: Sandbox) -> None:
    first, second, third = Expiration("logs/", 90), Expiration("tmp/", 7), Expiration("a b/", 7)
    life.put(with_lifecycle(first, second, third))
    assert ids(sandbox)[0].startswith("daylily-DeleteOldLogs")
    sandbox.clear_requests()
    again = with_lifecycle(third, first, second)
    assert life.states(again) == dict(life.kind.desired(again))
    assert writes(sandbox) == []


def test_prefixes_that_read_alike_have_rules_of_their_own(kind: BucketLifecycle) -> None:
    prefixes = ["tmp/", "tmp", "tmp//", "/tmp/", "tmp-", "", "all/", "all", "results/x/", "results-x/", "x" * 900, "é/"]
    found = kind.desired(with_lifecycle(*(Expiration(prefix, 9) for prefix in prefixes)))[BUCKET]
    assert len(found.rules) == len(prefixes)
    assert all(len(rule_id) <= 255 and rule_id.isascii() for rule_id in found.rules)


@pytest.mark.parametrize(
    ("before", "after", "told", "why"),
    [
        (
            (),
            (Expiration("logs/", 90),),
            ["newly deletes everything under 'logs/' once it is 90 days old"],
            "new power over data",
        ),
        (
            (Expiration("logs/", 90),),
            (Expiration("logs/", 30),),
            ["deletes everything under 'logs/' already at 30 days (before: 90 days)"],
            "sooner than people expect",
        ),
        ((Expiration("logs/", 30),), (Expiration("logs/", 90),), [], "longer is harmless"),
        ((Expiration("logs/", 30),), (), [], "no expiry is harmless"),
        ((Expiration("logs/", 30),), (Expiration("logs/", 30), Expiration("logs/old/", 60)), [], "covered already"),
        (
            (Expiration("logs/", 30),),
            (Expiration("", 30),),
            ["newly deletes every object of the bucket once it is 30 days old"],
            "wider than before",
        ),
    ],
)
def test_what_is_newly_deleted_is_marked_as_danger(
    life: Life, before: tuple[Expiration, ...], after: tuple[Expiration, ...], told: list[str], why: str
) -> None:
    life.put(with_lifecycle(*before, abort=7))
    assert [text for level, text in notes(life, with_lifecycle(*after, abort=7)) if level == "danger"] == told, why


def test_switching_a_disabled_rule_on_is_danger_again(life: Life, sandbox: Sandbox) -> None:
    put_rules(sandbox, {**OUR_RULES[1], "Status": "Disabled"})
    assert [level for level, text in notes(life, ACME) if "logs/" in text] == ["danger"]


def test_the_last_rule_takes_the_document_along(life: Life, sandbox: Sandbox) -> None:
    """S3 takes no document without rules."""
    life.put(ACME)
    sandbox.clear_requests()
    life.delete()
    assert sandbox.buckets.config(BUCKET).rules is None
    assert writes(sandbox) == ["DeleteBucketLifecycle"]


def test_no_lifecycle_wants_nothing(kind: BucketLifecycle) -> None:
    assert kind.desired(replace(ACME, lifecycle=None)) == {}
    assert kind.desired(replace(ACME, lifecycle=Lifecycle())) == {}


def test_a_write_that_meets_another_is_made_again(life: Life, sandbox: Sandbox) -> None:
    """409 OperationAborted, which no retry mode of botocore retries."""
    sandbox.faults.add(Fault("s3", "PutBucketLifecycleConfiguration", "error", "OperationAborted", 409, times=2))
    life.put(ACME)
    assert rules(sandbox) == OUR_RULES


def test_a_conflict_without_end_is_left_to_the_next_run(life: Life, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("s3", "PutBucketLifecycleConfiguration", "error", "OperationAborted", 409, times=None))
    with pytest.raises(TransientFailure, match="OperationAborted"):
        life.put(ACME)


def test_the_document_is_read_afresh_before_it_is_written(life: Life, sandbox: Sandbox) -> None:
    """A rule that somebody adds between our look and our write is in the document that we put."""
    seen = life.states(ACME)
    put_rules(sandbox, RICH_RULES[0])
    life.put(ACME, observed=seen)
    assert ids(sandbox) == sorted([RICH_RULES[0]["ID"], *(rule["ID"] for rule in OUR_RULES)])


def test_a_document_that_is_right_already_is_not_written(life: Life, sandbox: Sandbox) -> None:
    put_rules(sandbox, *OUR_RULES)
    life.put(ACME, observed={})
    assert writes(sandbox) == []


def test_a_missing_bucket_is_told_and_one_not_wanted_is_absent(life: Life) -> None:
    lost = replace(ACME, buckets=(Bucket("acme-nowhere", "us-west-2"),))
    seen = life.look(lost)["acme-nowhere"]
    assert isinstance(seen, Unreadable)
    assert "correct spec.storage.buckets" in str(seen.failure)
    assert look(life.kind, Target("acme-nowhere")) == {"acme-nowhere": Absent()}


def test_a_stale_read_shows_what_was(life: Life, sandbox: Sandbox) -> None:
    """S3 may answer with the old document for minutes: that is why this kind says that it lags."""
    life.put(ACME)
    life.put(with_lifecycle(Expiration("logs/", 30)))
    sandbox.faults.add(Fault("s3", "GetBucketLifecycleConfiguration", "stale"))
    seen = life.look(ACME)[BUCKET]
    assert isinstance(seen, Present)
    assert seen.state == life.kind.desired(ACME)[BUCKET]
    assert life.kind.lags


RULES = st.builds(
    Rule,
    prefix=st.text(max_size=20),
    transitions=st.dictionaries(st.sampled_from(["STANDARD_IA", "GLACIER", "DEEP_ARCHIVE"]), st.integers(0, 4000)),
    expiration_days=st.none() | st.integers(1, 4000),
    abort_days=st.none() | st.integers(1, 400),
)


@settings(deadline=None, max_examples=60)
@given(RULES, st.randoms(use_true_random=False))
def test_a_rule_reads_back_as_it_was_written(rule: Rule, chance: Any) -> None:
    """In whatever order AWS lists its transitions."""
    sent = to_aws("daylily-x", rule)
    chance.shuffle(sent.get("Transitions", []))
    assert from_aws(sent) == rule


@settings(deadline=None, max_examples=60)
@given(RULES, st.sampled_from(["NoncurrentVersionExpiration", "Mystery", "Status"]), st.integers(1, 9))
def test_whatever_we_never_write_makes_a_rule_differ(rule: Rule, field: str, value: int) -> None:
    sent = to_aws("daylily-x", rule)
    assert from_aws({**sent, field: "Disabled" if field == "Status" else {"Days": value}}) != rule


def test_the_settle_time_is_longer_than_the_lag_of_s3() -> None:
    """ "A few minutes", says the S3 user guide."""
    from controller.domain.settings import Settings

    assert timedelta(seconds=Settings().settle_seconds) >= timedelta(minutes=5)
