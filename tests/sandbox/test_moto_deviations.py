"""Where moto departs from AWS and the sandbox does not: each row is asked of both.

A row that fails only for moto says that moto has caught up: the row, and perhaps our handler, can go.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller.sandbox import Sandbox
from controller.sandbox.clients import local_client
from controller.sandbox.moto_backend import Moto
from controller.sandbox.routes import identify
from controller.sandbox.server import LocalServer
from controller.sandbox.wire import Answer, AwsError, HttpRequest, error_answer
from tests.sandbox.world import ACCOUNT, OTHER, alert, budget, email, make_bucket, rule, tag_set, with_subscribers

Clients = Callable[..., Any]
BUCKET = "one-bucket"


def put_tags(clients: Clients, tags: dict[str, str], **more: str) -> Any:
    clients("s3").put_bucket_tagging(Bucket=BUCKET, Tagging=tag_set(tags), **more)
    return clients("s3").get_bucket_tagging(Bucket=BUCKET)["TagSet"]


def put_rules(clients: Clients, *rules: dict[str, Any], **more: str) -> Any:
    configuration = {"Rules": list(rules)}
    clients("s3").put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=configuration, **more)
    return clients("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)


def put_budget(clients: Clients, whole: dict[str, Any], *notifications: dict[str, Any]) -> Any:
    clients("budgets").create_budget(AccountId=ACCOUNT, Budget=whole, NotificationsWithSubscribers=list(notifications))
    return clients("budgets").describe_budget(AccountId=ACCOUNT, BudgetName=whole["BudgetName"])["Budget"]


def shown_alert(clients: Clients, notification: dict[str, Any]) -> Any:
    put_budget(clients, budget(), with_subscribers(notification))
    [found] = clients("budgets").describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName="b")["Notifications"]
    return found


def pages_of_buckets(clients: Clients) -> int:
    for number in range(3):
        clients("s3").create_bucket(
            Bucket=f"page-{number}", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
        )
    paginator = clients("s3").get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2})
    return sum(len(page["Buckets"]) for page in paginator)


def tagged_in_the_west(clients: Clients) -> int:
    """How many buckets us-west-2 shows when the only tagged one is in us-east-1."""
    clients("s3", "us-east-1").create_bucket(Bucket="far-away")
    clients("s3control", "us-east-1").tag_resource(
        AccountId=ACCOUNT, ResourceArn="arn:aws:s3:::far-away", Tags=[{"Key": "a", "Value": "1"}]
    )
    return len(clients("resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"])


def abac_round_trip(clients: Clients) -> Any:
    clients("s3").put_bucket_abac(Bucket=BUCKET, AbacStatus={"Status": "Enabled"})
    return clients("s3").get_bucket_abac(Bucket=BUCKET)["AbacStatus"]


ROWS: list[tuple[str, Callable[[Clients], Any], Any]] = [
    ("51 tags are too many", lambda c: put_tags(c, {f"k{n}": "v" for n in range(51)}), "BadRequest"),
    ("values have 256 characters at most", lambda c: put_tags(c, {"k": "v" * 257}), "InvalidTag"),
    ("keys have 128 characters at most", lambda c: put_tags(c, {"k" * 129: "v"}), "InvalidTag"),
    ("tags have an alphabet", lambda c: put_tags(c, {"k": "Smith & Co"}), "InvalidTag"),
    ("AWS: is reserved like aws:", lambda c: put_tags(c, {"AWS:k": "v"}), "InvalidTag"),
    ("an empty value is a value", lambda c: put_tags(c, {"k": ""}), [{"Key": "k", "Value": ""}]),
    ("spaces are part of a value", lambda c: put_tags(c, {"k": " v "}), [{"Key": "k", "Value": " v "}]),
    ("the owner is as expected", lambda c: put_tags(c, {"k": "v"}, ExpectedBucketOwner=OTHER), "AccessDenied"),
    ("ABAC can be switched on", abac_round_trip, {"Status": "Enabled"}),
    (
        "tags are put on buckets that exist",
        lambda c: c("s3control").tag_resource(
            AccountId=ACCOUNT, ResourceArn="arn:aws:s3:::nowhere", Tags=[{"Key": "a", "Value": "1"}]
        ),
        "NoSuchBucket",
    ),
    ("a list of buckets goes on", pages_of_buckets, 4),
    ("a region shows its own buckets", tagged_in_the_west, 0),
    (
        "IA takes 30 days",
        lambda c: put_rules(c, rule(Transitions=[{"Days": 29, "StorageClass": "STANDARD_IA"}])),
        "InvalidArgument",
    ),
    (
        "expiration comes last",
        lambda c: put_rules(c, rule(Transitions=[{"Days": 90, "StorageClass": "GLACIER"}])),
        "InvalidArgument",
    ),
    ("IDs are unique", lambda c: put_rules(c, rule(), rule()), "InvalidArgument"),
    ("IDs have 255 characters at most", lambda c: put_rules(c, rule("x" * 256)), "InvalidArgument"),
    ("expiration takes a day", lambda c: put_rules(c, rule(Expiration={"Days": 0})), "InvalidArgument"),
    ("Status is Enabled or Disabled", lambda c: put_rules(c, rule(Status="enabled")), "MalformedXML"),
    ("a rule acts", lambda c: put_rules(c, rule(Expiration=None)), "InvalidRequest"),
    ("a configuration has rules", lambda c: put_rules(c), "MalformedXML"),
    ("and no more than 1000", lambda c: put_rules(c, *(rule(str(n)) for n in range(1001))), "MalformedXML"),
    (
        "V1 and V2 do not mix",
        lambda c: put_rules(c, rule(), rule("old", Filter=None, Prefix="reports/")),
        "InvalidRequest",
    ),
    (
        "sizes are part of a filter",
        lambda c: put_rules(c, rule(Filter={"ObjectSizeGreaterThan": 9}))["Rules"][0]["Filter"],
        {"ObjectSizeGreaterThan": 9},
    ),
    (
        "newer noncurrent versions are kept",
        lambda c: put_rules(c, rule(NoncurrentVersionExpiration={"NoncurrentDays": 9, "NewerNoncurrentVersions": 3}))[
            "Rules"
        ][0]["NoncurrentVersionExpiration"],
        {"NoncurrentDays": 9, "NewerNoncurrentVersions": 3},
    ),
    (
        "the minimum size mode is stored",
        lambda c: put_rules(c, rule(), TransitionDefaultMinimumObjectSize="varies_by_storage_class")[
            "TransitionDefaultMinimumObjectSize"
        ],
        "varies_by_storage_class",
    ),
    ("amounts have a decimal", lambda c: put_budget(c, budget())["BudgetLimit"]["Amount"], "500.0"),
    ("names have no colon", lambda c: put_budget(c, budget("a:b")), "InvalidParameterException"),
    (
        "PERCENTAGE is not said back",
        lambda c: shown_alert(c, alert(80, ThresholdType="PERCENTAGE")),
        alert(80.0, NotificationState="OK"),
    ),
    (
        "an alert is there once",
        lambda c: put_budget(c, budget(), with_subscribers(alert()), with_subscribers(alert())),
        "DuplicateRecordException",
    ),
    (
        "ten e-mails at most",
        lambda c: put_budget(c, budget(), with_subscribers(alert(), *(email(f"{n}@x.org") for n in range(11)))),
        "CreationLimitExceededException",
    ),
    (
        "a budget is of the caller's account",
        lambda c: c("budgets").create_budget(AccountId=OTHER, Budget=budget()),
        "AccessDeniedException",
    ),
    (
        "a budget can be updated",
        lambda c: [put_budget(c, budget()), c("budgets").update_budget(AccountId=ACCOUNT, NewBudget=budget())][0][
            "BudgetName"
        ],
        "b",
    ),
    (
        "there are cost allocation tags",
        lambda c: c("ce").list_cost_allocation_tags()["CostAllocationTags"],
        [],
    ),
]


def outcome(ask: Callable[[Clients], Any], clients: Clients) -> Any:
    """What came back: a value, an AWS error code, or the name of what else went wrong."""
    try:
        return ask(clients)
    except ClientError as error:
        return error.response["Error"]["Code"]
    except Exception as error:  # noqa: BLE001 - moto leaves out what botocore and the rows rely on
        return type(error).__name__


@pytest.fixture
def bare_moto(sandbox: Sandbox) -> Iterator[Clients]:
    """Clients of moto alone, on the same state."""
    moto = Moto()

    def answer(http: HttpRequest) -> Answer:
        call = identify(http, moto.account_of)
        try:
            return moto.serve(call)
        except AwsError as error:
            return error_answer(call.protocol, error)

    server = LocalServer(0, answer)
    made: list[Any] = []

    def client(service: str, region: str = "us-west-2") -> Any:
        made.append(local_client(service, region, server.url, ("sandbox", "sandbox", None)))
        return made[-1]

    yield client
    for each in made:
        each.close()
    server.stop()


@pytest.mark.parametrize(("ask", "expected"), [pytest.param(ask, value, id=why) for why, ask, value in ROWS])
def test_the_sandbox_does_as_aws_does(sandbox: Sandbox, ask: Callable[[Clients], Any], expected: Any) -> None:
    make_bucket(sandbox, BUCKET)
    assert outcome(ask, sandbox.client) == expected


@pytest.mark.parametrize(("ask", "expected"), [pytest.param(ask, value, id=why) for why, ask, value in ROWS])
def test_moto_alone_still_does_not(
    sandbox: Sandbox, bare_moto: Clients, ask: Callable[[Clients], Any], expected: Any
) -> None:
    make_bucket(sandbox, BUCKET)
    assert outcome(ask, bare_moto) != expected, "moto has caught up: this row can go"
