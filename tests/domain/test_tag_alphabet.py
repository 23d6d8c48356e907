"""Tag values: what AWS takes, and a readable stand-in for the rest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.tag_alphabet import MAX_LENGTH, is_tag_value, sanitise


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Acme Genomics", "Acme Genomics"),
        ("CC-GENOMICS-001", "CC-GENOMICS-001"),
        ("O'Brien & Co. (UK), Ltd", "O-Brien + Co. UK Ltd"),
        ("AT&T", "AT+T"),
        ("Müller GmbH", "Müller GmbH"),
        ("Mu\u0308ller", "Müller"),
        ("株式会社", "株式会社"),
        ("#7", "-7"),
        ("a***b", "a-b"),
        ("  two \t  words ", "two words"),
        ("", "-"),
        ("()", "-"),
        ("\U0001f9ec", "-"),
        ("x" * 300, "x" * 256),
    ],
)
def test_reads_like_the_text(text: str, tag: str) -> None:
    assert sanitise(text) == tag


@pytest.mark.parametrize("text", ["", "a b", "_.:/=+-@", "é", "٣", "x" * MAX_LENGTH])
def test_what_aws_takes(text: str) -> None:
    assert is_tag_value(text)


@pytest.mark.parametrize("text", ["O'Brien", "a,b", "(UK)", "a\tb", "a\nb", "&", "\0", "x" * 257])
def test_what_aws_refuses(text: str) -> None:
    assert not is_tag_value(text)


@given(st.text() | st.text(alphabet="\u1100\u1161\u0958 \u0301'\"(,a-&"))
def test_always_valid_never_empty_and_once_is_enough(text: str) -> None:
    tag = sanitise(text)
    assert is_tag_value(tag)
    assert tag
    assert sanitise(tag) == tag


@given(st.text(alphabet="aZ09_.:/=+-@ "))
def test_a_tidy_valid_text_stays_as_it_is(text: str) -> None:
    tidy = re.sub(" +", " ", text).strip()
    assert sanitise(tidy) == (tidy or "-")
