"""What AWS's errors mean, and which calls are made again."""

from typing import Any

import botocore.exceptions as botocore_errors
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.retries.standard import ThrottledRetryableChecker
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.aws.call import PASSING, THROTTLED, Retry, attempt, is_throttled, translate
from controller.errors import AccountFailure, Failure, PermanentFailure, TransientFailure


def refusal(code: str, status: int = 400, operation: str = "SomeOperation", message: str = "words") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


ANSWERS = [
    ("ThrottlingException", 400, TransientFailure, "Budgets throttles with HTTP 400: the code tells, not the status"),
    ("LimitExceededException", 400, TransientFailure, "the word of Cost Explorer"),
    ("Throttled", 429, TransientFailure, "the word of SNS"),
    ("ProvisionedThroughputExceededException", 400, TransientFailure, "the word of DynamoDB"),
    ("SlowDown", 503, TransientFailure, "the word of S3"),
    ("SomethingNew", 429, TransientFailure, "HTTP's own word"),
    ("OperationAborted", 409, TransientFailure, "two writes met on one bucket"),
    ("InternalErrorException", 400, TransientFailure, "Budgets answers 400 also to its own faults"),
    ("SomethingNew", 500, TransientFailure, "a fault of AWS is not ours"),
    ("503", 503, TransientFailure, "a load balancer without a body"),
    ("NotImplemented", 501, PermanentFailure, "there is no such operation, and trying again makes none"),
    ("ExpiredToken", 400, AccountFailure, "nothing in this account can work"),
    ("ExpiredTokenException", 403, AccountFailure, "the same, in another service"),
    ("InvalidClientTokenId", 403, AccountFailure, "keys that were deleted"),
    ("UnrecognizedClientException", 400, AccountFailure, "the same, in DynamoDB"),
    ("SignatureDoesNotMatch", 403, AccountFailure, "a wrong secret"),
    ("RequestTimeTooSkewed", 403, AccountFailure, "a wrong clock"),
    ("AccessDenied", 403, PermanentFailure, "one permission is missing; others may be there"),
    ("AccessDeniedException", 400, PermanentFailure, "the same, in Budgets"),
    ("NoSuchBucket", 404, PermanentFailure, "a person must act"),
    ("CreationLimitExceededException", 400, PermanentFailure, "a quota does not pass by itself"),
    ("InvalidTag", 400, PermanentFailure, "the same request is refused for ever"),
]


@pytest.mark.parametrize(("code", "status", "kind", "why"), ANSWERS, ids=[f"{a[0]}-{a[1]}" for a in ANSWERS])
def test_an_answer_means(code: str, status: int, kind: type[Failure], why: str) -> None:
    failure = translate(refusal(code, status), "s3:GetBucketTagging", "acme-bucket")
    assert type(failure) is kind, why
    assert (failure.code, failure.operation, failure.resource) == (code, "s3:GetBucketTagging", "acme-bucket")
    assert str(failure).startswith("s3:GetBucketTagging on acme-bucket: ")


def cancellation(*codes: str) -> ClientError:
    """As DynamoDB answers: a reason for every write of the transaction, "None" where it was not why."""
    reasons = [{"Code": code, **({"Message": f"about {code}"} if code != "None" else {})} for code in codes]
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": f"specific reasons [{', '.join(codes)}]"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        "CancellationReasons": reasons,
    }
    return ClientError(answer, "TransactWriteItems")


@pytest.mark.parametrize(
    ("codes", "kind", "throttled", "why"),
    [
        (("None", "TransactionConflict"), TransientFailure, False, "another call is just writing there"),
        (("ThrottlingError", "None"), TransientFailure, True, "a table on demand that grows"),
        (("ProvisionedThroughputExceeded", "TransactionConflict"), TransientFailure, True, "both pass"),
        (("ConditionalCheckFailed", "TransactionConflict"), PermanentFailure, False, "one of them does not pass"),
        (("ValidationError", "ThrottlingError"), PermanentFailure, False, "the same"),
        ((), PermanentFailure, False, "nothing says why"),
    ],
)
def test_a_cancelled_transaction_means_what_all_its_reasons_mean(
    codes: tuple[str, ...], kind: type[Failure], throttled: bool, why: str
) -> None:
    error = cancellation(*codes)

    assert type(translate(error, "dynamodb:TransactWriteItems", "t")) is kind, why
    assert is_throttled(error) is throttled, why


def test_a_cancelled_transaction_says_which_of_its_writes_was_why() -> None:
    failure = translate(cancellation("None", "ValidationError", "TransactionConflict"), "dynamodb:X", "t")

    kinds = [type(one) for one in failure.reasons]
    assert kinds == [type(None), PermanentFailure, TransientFailure]
    assert [one and one.code for one in failure.reasons] == [None, "ValidationError", "TransactionConflict"]
    assert failure.message == (
        "a transaction was cancelled by 2 of its 3 writes:"
        " TransactionConflict: about TransactionConflict; ValidationError: about ValidationError"
    )


SILENCES = [
    (botocore_errors.EndpointConnectionError(endpoint_url="https://x"), TransientFailure, "nobody there"),
    (botocore_errors.ConnectTimeoutError(endpoint_url="https://x"), TransientFailure, "nobody in time"),
    (botocore_errors.ReadTimeoutError(endpoint_url="https://x"), TransientFailure, "no answer in time"),
    (botocore_errors.ConnectionClosedError(endpoint_url="https://x"), TransientFailure, "cut off"),
    (botocore_errors.HTTPClientError(error="x"), TransientFailure, "any trouble on the way"),
    (ResponseParserError("invalid XML"), TransientFailure, "an answer that broke off, or a proxy's page"),
    (botocore_errors.NoCredentialsError(), AccountFailure, "nobody is logged in"),
    (botocore_errors.PartialCredentialsError(provider="env", cred_var="x"), AccountFailure, "half a pair of keys"),
    (botocore_errors.CredentialRetrievalError(provider="x", error_msg="y"), AccountFailure, "a process that failed"),
    (botocore_errors.TokenRetrievalError(provider="sso", error_msg="expired"), AccountFailure, "a session that ended"),
    (botocore_errors.UnauthorizedSSOTokenError(), AccountFailure, "a single sign-on that ended"),
    (botocore_errors.SSOTokenLoadError(error_msg="x"), AccountFailure, "a single sign-on that never was"),
    (botocore_errors.ProfileNotFound(profile="x"), AccountFailure, "a profile that is misspelt"),
    (botocore_errors.ParamValidationError(report="x"), PermanentFailure, "we asked wrongly"),
    (botocore_errors.NoRegionError(), PermanentFailure, "we asked nowhere"),
]


@pytest.mark.parametrize(("error", "kind", "why"), SILENCES, ids=[type(one[0]).__name__ for one in SILENCES])
def test_what_never_became_an_answer_means(error: Any, kind: type[Failure], why: str) -> None:
    failure = translate(error, "s3:GetBucketTagging", "acme-bucket")
    assert type(failure) is kind, why
    assert failure.code == type(error).__name__


@pytest.mark.parametrize(
    ("error", "operation", "advice", "why"),
    [
        (refusal("AccessDenied", 403), "s3:GetBucketTagging", "schemas/iam-policy.json", "which permissions"),
        (refusal("ExpiredToken"), "s3:GetBucketTagging", "Renew the credentials", "what to renew"),
        (
            refusal("ResourceNotFoundException"),
            "dynamodb:UpdateItem",
            "Make it with: reconcile init --aws",
            "which command makes the table",
        ),
        (refusal("AccessDenied", 403, "AssumeRole"), "s3:GetBucketTagging", "See its trust policy", "where to look"),
        (botocore_errors.NoCredentialsError(), "sts:GetCallerIdentity", "Log in", "how to begin"),
    ],
)
def test_a_failure_that_a_person_can_mend_says_how(error: Any, operation: str, advice: str, why: str) -> None:
    assert advice in str(translate(error, operation, "x")), why


def test_a_role_that_is_refused_fails_the_account() -> None:
    """Whatever was asked for: botocore assumes the role when the first call is made."""
    failure = translate(refusal("AccessDenied", 403, "AssumeRole"), "budgets:DescribeBudgets", "")
    assert type(failure) is AccountFailure


@pytest.mark.parametrize(
    ("code", "status"), [("Throttling", 400), ("ServiceUnavailable", 503), ("InternalFailure", 500)]
)
def test_a_role_that_is_not_assumed_for_now_is_no_refusal(code: str, status: int) -> None:
    failure = translate(refusal(code, status, "AssumeRole"), "budgets:DescribeBudgets", "")
    assert type(failure) is TransientFailure


def test_a_table_of_others_is_no_table_of_ours() -> None:
    assert "init" not in str(translate(refusal("ResourceNotFoundException"), "ce:ListCostAllocationTags", ""))


def test_every_throttling_code_that_botocore_knows_is_known_here() -> None:
    codes = set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
    assert codes <= THROTTLED | PASSING


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=20), st.integers(200, 599), st.sampled_from(["AssumeRole", "X"]), st.text(max_size=5))
def test_any_answer_means_something(code: str, status: int, operation: str, message: str) -> None:
    failure = translate(refusal(code, status, operation, message), "s3:X", "r")
    assert isinstance(failure, TransientFailure | PermanentFailure)
    assert str(failure)


def test_an_answer_without_a_body_means_something() -> None:
    assert type(translate(ClientError({}, "HeadBucket"), "s3:HeadBucket", "r")) is PermanentFailure


# Trying again


class Service:
    """Answers with the given errors one after the other, then with success."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.called = 0
        self.slept: list[float] = []

    def __call__(self) -> dict[str, Any]:
        self.called += 1
        if self.errors:
            raise self.errors.pop(0)
        return {"it": "worked"}

    def attempt(self, **policy: Any) -> dict[str, Any]:
        return attempt(self, operation="s3:X", resource="r", retry=Retry(**policy), sleep=self.slept.append)


def test_a_passing_error_is_waited_out() -> None:
    service = Service(refusal("OperationAborted", 409), refusal("SlowDown", 503))
    assert service.attempt() == {"it": "worked"}
    assert service.called == 3
    assert len(service.slept) == 2


def test_a_throttled_call_is_tried_more_often_than_one_that_failed() -> None:
    def refused(code: str) -> int:
        tries = 0

        def call() -> dict[str, Any]:
            nonlocal tries
            tries += 1
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "CreateBudget")

        retry = Retry(attempts=3, throttled_attempts=7)
        with pytest.raises(TransientFailure):
            attempt(call, operation="budgets:CreateBudget", resource="acme", retry=retry, sleep=lambda _: None)
        return tries

    assert refused("ThrottlingException") == 7
    assert refused("InternalErrorException") == 3


def test_an_error_without_end_is_told_after_the_last_attempt() -> None:
    service = Service(*[refusal("SlowDown", 503)] * 9)
    with pytest.raises(TransientFailure, match="throttled"):
        service.attempt(attempts=4)
    assert service.called == 4
    assert len(service.slept) == 3, "nobody waits for nothing"


@pytest.mark.parametrize(
    "error", [refusal("AccessDenied", 403), refusal("ExpiredToken"), botocore_errors.NoCredentialsError()], ids=str
)
def test_what_does_not_heal_is_not_tried_again(error: ClientError | BotoCoreError) -> None:
    service = Service(error)
    with pytest.raises(PermanentFailure):
        service.attempt()
    assert (service.called, service.slept) == (1, [])


def test_the_cause_stays_with_the_failure() -> None:
    error = refusal("AccessDenied", 403)
    with pytest.raises(PermanentFailure) as caught:
        Service(error).attempt()
    assert caught.value.__cause__ is error


def test_our_own_mistakes_are_not_taken_for_aws() -> None:
    with pytest.raises(KeyError):
        Service(KeyError("ours")).attempt()


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 60), st.floats(0.01, 5), st.floats(0.01, 60))
def test_waiting_grows_and_is_spread_under_a_cap(number: int, base: float, cap: float) -> None:
    delay = Retry(base=base, cap=cap).delay(number)
    assert 0 <= delay <= min(cap, base * 2**number)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 60))
def test_a_throttled_call_waits_little_since_its_pace_makes_it_wait(number: int) -> None:
    assert 0 <= Retry(throttled_cap=1.5).delay(number, throttled=True) <= 1.5
