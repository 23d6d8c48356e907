"""Documents as JSON and YAML: exact numbers, the same in both, and bytes that do not depend on anything else."""

import json
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller.render.json_text import json_text
from controller.render.yaml_text import yaml_text

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
MONEY = st.decimals(-(10**15), 10**15, places=2)


@given(PLAIN)
def test_json_is_what_the_standard_library_writes(plain: Any) -> None:
    assert json_text(plain) == json.dumps(plain, indent=2, sort_keys=True).replace("\x7f", "\\u007f") + "\n"


@given(MONEY)
def test_money_keeps_its_two_decimals_in_both(amount: Decimal) -> None:
    text = f"{amount:.2f}".replace("-0.00", "0.00")
    assert json_text({"a": amount}) == f'{{\n  "a": {text}\n}}\n'
    assert yaml_text([{"a": amount}]) == f"---\na: {text}\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [("322.30", "322.30"), ("1E+3", "1000"), ("-0.00", "0.00"), ("0.0000001", "0.0000001"), ("64.5", "64.5")],
)
def test_a_decimal_is_written_with_the_digits_that_it_has(value: str, text: str) -> None:
    assert json_text(Decimal(value)) == f"{text}\n"
    assert yaml.safe_load(yaml_text([[Decimal(value)]])) == [float(value)]


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan")])
def test_what_is_no_number_is_never_written_as_one(value: Any) -> None:
    with pytest.raises(ValueError):
        json_text(value)


@given(st.dictionaries(st.text(max_size=5), PLAIN, max_size=3))
def test_yaml_reads_back_as_json_does(plain: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_text([plain])) == json.loads(json_text(plain))
