"""The kinds of text and numbers that manifests and settings are made of, each with its rule and its JSON schema.

The type of a pydantic error is the id of the rule that was broken, so a diagnostic needs no second table.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, TypeGuard

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from controller.domain.tag_alphabet import is_tag_value

BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
"""What S3 keeps for buckets that are none of general purpose, and for aliases."""


@dataclass(frozen=True)
class Text:
    """A string on one line. With a `pattern` (the whole text must match) also the rule's id and its words."""

    max_length: int
    min_length: int = 1
    pattern: str = ""
    rule: str = ""
    words: str = ""
    refuse: Callable[[str], str] | None = None
    """For what no portable pattern can say: what is wrong with a text, in words; empty: nothing."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True, min_length=self.min_length, max_length=self.max_length)
        return core_schema.no_info_after_validator_function(self._checker(), text)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^(?:{self.pattern or _PRINTABLE})$"}

    def _checker(self) -> Callable[[str], str]:
        matches = re.compile(self.pattern or _PRINTABLE).fullmatch

        def check(text: str) -> str:
            if not matches(text):
                raise self._error(text, self.words)
            if self.refuse and (words := self.refuse(text)):
                raise self._error(text, words)
            return text

        return check

    def _error(self, text: str, words: str) -> PydanticCustomError:
        if not self.pattern or _CONTROL.search(text):
            return PydanticCustomError("control-character", "contains a control character or a line break")
        return PydanticCustomError(self.rule, "{words}", {"words": words})


@dataclass(frozen=True)
class Amount:
    """A whole number or a quoted decimal, as a Decimal. Bounds are inclusive, `above` is not."""

    places: int
    low: int = 0
    high: int = 999_999_999_999
    above: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(plain, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        low = "exclusiveMinimum" if self.above else "minimum"
        return {
            "anyOf": [
                {"type": "integer", low: self.low, "maximum": self.high},
                {"type": "string", "pattern": self._pattern(), "maxLength": 12 + 1 + self.places},
            ]
        }

    def _pattern(self) -> str:
        return rf"^[0-9]{{1,12}}(?:\.[0-9]{{1,{self.places}}})?$"

    def _is_written(self, value: object) -> TypeGuard[int | str]:
        if isinstance(value, str):
            return re.fullmatch(self._pattern(), value) is not None and value.isprintable()
        return isinstance(value, int) and not isinstance(value, bool)

    def _read(self, value: object) -> Decimal:
        if isinstance(value, Decimal):
            amount = value
        elif self._is_written(value):
            amount = _decimal(value)
        else:
            words = "must be a whole number or a quoted decimal with at most {places} places"
            raise PydanticCustomError("decimal", words, {"places": self.places})
        if not self.low <= amount <= self.high or (self.above and amount == self.low):
            over = "more than" if self.above else "at least"
            context = {"over": over, "low": self.low, "high": self.high}
            raise PydanticCustomError("out-of-range", "must be {over} {low} and at most {high}", context)
        return amount


@lru_cache
def _decimal(written: int | str) -> Decimal:
    """One value for all that write the same: the limits and percentages of a fleet are few."""
    return Decimal(written)


@dataclass(frozen=True)
class Moments:
    """A moment as quoted text, ISO 8601 with its zone, as a datetime in UTC."""

    pattern: str = (
        r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T"
        r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
    )

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(_iso, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$", "maxLength": 25}

    def _read(self, value: object) -> datetime:
        if isinstance(value, datetime) and value.tzinfo:
            return value.astimezone(UTC)
        if isinstance(value, str) and re.fullmatch(self.pattern, value, re.ASCII):
            with suppress(ValueError, OverflowError):
                return datetime.fromisoformat(value).astimezone(UTC)
        raise PydanticCustomError("moment", 'must be a moment with its zone in quotes, like "2026-12-01T00:00:00Z"')


@dataclass(frozen=True)
class Dates:
    """A day as quoted text, ISO 8601, as a date."""

    pattern: str = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(date.isoformat, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$", "maxLength": 10}

    def _read(self, value: object) -> date:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and re.fullmatch(self.pattern, value, re.ASCII):
            with suppress(ValueError):
                return date.fromisoformat(value)
        raise PydanticCustomError("date", 'must be a day in quotes, like "2026-12-01"')


@dataclass(frozen=True)
class AtLeast:
    """A whole number that AWS wants no smaller than `low`, by a rule of its own."""

    low: int
    rule: str
    words: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "minimum": self.low}

    def _check(self, number: int) -> int:
        if number < self.low:
            raise PydanticCustomError(self.rule, "{words}", {"words": self.words})
        return number


def plain(amount: Decimal) -> str:
    """The shortest way to write the same amount without an exponent: 1000, 1000.5."""
    return f"{amount.normalize():f}"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _refuse_bucket(name: str) -> str:
    if ".." in name or re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name):
        return "is not a bucket name: no two dots in a row, and nothing that looks like an IP address"
    if name.startswith(BUCKET_PREFIXES) or name.endswith(BUCKET_SUFFIXES):
        return "is not the name of a general purpose bucket: S3 keeps this prefix or suffix for itself"
    return ""


def _refuse_tag_value(text: str) -> str:
    return "" if is_tag_value(text) else "may hold letters, digits, spaces and _ . : / = + - @ only"


_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f]*"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"

CustomerId = Annotated[
    str,
    Text(
        63,
        min_length=2,
        pattern=r"[a-z0-9][a-z0-9_-]{1,62}",
        rule="customer-id",
        words="must be small letters, digits, - and _, and start with a letter or a digit",
    ),
]
KubernetesName = Annotated[
    str,
    Text(
        253,
        pattern=r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        rule="kubernetes-name",
        words="must be small letters, digits, - and dots, and start and end with a letter or a digit",
    ),
]
Namespace = Annotated[
    str,
    Text(
        63,
        pattern=r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        rule="kubernetes-name",
        words="must be small letters, digits and -, and start and end with a letter or a digit",
    ),
]
LabelKey = Annotated[
    str,
    Text(
        317,
        pattern=r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
        rule="label",
        words="must be a key as Kubernetes takes it: prefix/name, the name at most 63 characters",
    ),
]
LabelValue = Annotated[
    str,
    Text(
        63,
        min_length=0,
        pattern=r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?",
        rule="label",
        words="must be letters, digits, -, _ and dots, and start and end with a letter or a digit",
    ),
]
AccountId = Annotated[
    str, Text(12, pattern=r"[0-9]{12}", rule="account-id", words="must be the 12 digits of an AWS account")
]
AccountName = Annotated[str, Text(63, pattern=_NAME, rule="account-name", words="must be letters, digits, - and _")]
ControllerId = Annotated[str, Text(63, pattern=_NAME, rule="controller-id", words="must be letters, digits, - and _")]
Email = Annotated[
    str,
    Text(
        254,
        pattern=r"[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+",
        rule="email",
        words="must be an e-mail address: one @ and no spaces",
    ),
]
Currency = Annotated[
    str, Text(3, pattern=r"[A-Z]{3}", rule="currency", words="must be three capital letters, like USD")
]
BucketName = Annotated[
    str,
    Text(
        63,
        min_length=3,
        pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        rule="bucket-name",
        words="must be small letters, digits, - and dots, and start and end with a letter or a digit",
        refuse=_refuse_bucket,
    ),
]
Region = Annotated[
    str,
    Text(32, pattern=r"[a-z]{2,5}(-[a-z]+)+-[0-9]{1,2}", rule="region", words="must be a region, like us-west-2"),
]
TopicArn = Annotated[
    str,
    Text(
        320,
        pattern=r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}",
        rule="topic-arn",
        words="must be the ARN of a standard topic: arn:aws:sns:REGION:ACCOUNT:NAME",
    ),
]
TopicName = Annotated[
    str, Text(256, pattern=r"[A-Za-z0-9_-]+", rule="topic-name", words="must be letters, digits, - and _")
]
RoleArn = Annotated[
    str,
    Text(
        2048,
        pattern=r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+",
        rule="role-arn",
        words="must be the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME",
    ),
]
TableName = Annotated[
    str,
    Text(
        255,
        min_length=3,
        pattern=r"[A-Za-z0-9_.-]+",
        rule="table-name",
        words="must be letters, digits, _, - and dots",
    ),
]
TagKey = Annotated[
    str,
    Text(
        128,
        pattern=r"[^\x00-\x1f\x7f-\x9f]+",
        rule="tag-key",
        words="must be a tag key",
        refuse=lambda key: "must not start with aws:" if key.lower().startswith("aws:") else _refuse_tag_value(key),
    ),
]
TagValue = Annotated[
    str,
    Text(256, pattern=_PRINTABLE, rule="tag-alphabet", words="must be one line", refuse=_refuse_tag_value),
]
Moment = Annotated[datetime, Moments()]
Day = Annotated[date, Dates()]
NumberPrefix = Annotated[
    str,
    Text(
        16,
        min_length=0,
        pattern=r"([A-Za-z0-9][A-Za-z0-9/_-]*)?",
        rule="number-prefix",
        words="must be letters, digits, -, _ and /",
    ),
]
Environment = Annotated[
    str,
    Text(64, pattern=_PRINTABLE, rule="tag-alphabet", words="must be one line", refuse=_refuse_tag_value),
]
Line = Annotated[str, Text(256)]
ShortLine = Annotated[str, Text(64)]
Prefix = Annotated[str, Text(1024, min_length=0)]
Money = Annotated[Decimal, Amount(places=2, above=True)]
Rate = Annotated[Decimal, Amount(places=8, above=True)]
Percent = Annotated[Decimal, Amount(places=4, high=100)]
AlertPercent = Annotated[Decimal, Amount(places=2, high=1000, above=True)]
Days = Annotated[int, Field(ge=1, le=36_500)]
IaDays = Annotated[
    int,
    Field(le=36_500),
    AtLeast(30, "ia-too-early", "must be at least 30: S3 moves nothing to Standard-IA earlier"),
]
GlacierDays = Annotated[int, Field(ge=0, le=36_500)]
