"""XML by botocore's shapes: what is rendered parses back, whatever is in it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sandbox.wire import AwsError
from controller.sandbox.xml_shapes import parse, render, s3_shape

# What XML 1.0 can carry; a bare carriage return is turned into a line feed by every XML parser.
text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
tags = st.lists(st.fixed_dictionaries({"Key": text, "Value": text}), max_size=5)
rules = st.fixed_dictionaries(
    {"ID": text, "Status": st.sampled_from(["Enabled", "Disabled"])},
    optional={
        "Filter": st.fixed_dictionaries({}, optional={"Prefix": text, "ObjectSizeGreaterThan": st.integers()}),
        "Expiration": st.fixed_dictionaries({"Days": st.integers(), "ExpiredObjectDeleteMarker": st.booleans()}),
        "Transitions": st.lists(st.fixed_dictionaries({"Days": st.integers(), "StorageClass": text}), min_size=1),
    },
)


@given(tags)
def test_tags_survive_the_wire(tag_set: list[dict[str, str]]) -> None:
    assert parse(render({"TagSet": tag_set}, s3_shape("Tagging"), "Tagging").encode(), s3_shape("Tagging")) == {
        "TagSet": tag_set
    }


@given(st.lists(rules, min_size=1, max_size=3))
def test_rules_survive_the_wire(whole: list[dict[str, Any]]) -> None:
    shape = s3_shape("BucketLifecycleConfiguration")
    assert parse(render({"Rules": whole}, shape, "LifecycleConfiguration").encode(), shape) == {"Rules": whole}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "nothing"),
        (b"<Tagging><TagSet>", "not closed"),
        (b"<Tagging><Surprise/></Tagging>", "an element that S3 does not know"),
        (b"<Tagging><TagSet/><TagSet/></Tagging>", "an element twice"),
    ],
)
def test_a_document_that_s3_does_not_know_is_malformed(document: bytes, why: str) -> None:
    with pytest.raises(AwsError, match="MalformedXML"):
        parse(document, s3_shape("Tagging"))
