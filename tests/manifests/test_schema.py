"""The published schemas: as generated, and true to what the loader takes."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "customers").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_fit_the_schema(path: Path) -> None:
    validator("customer.schema.json").validate(yaml.safe_load(path.read_text()))
    assert path.read_text().startswith("# yaml-language-server: $schema=../schemas/customer.schema.json\n")


def test_the_settings_fit_the_schema() -> None:
    path = ROOT / "config" / "billing_config.yaml"
    validator("settings.schema.json").validate(yaml.safe_load(path.read_text()))


CROSS_FIELD = {
    "alert-subscribers", "budget-in-dollars", "duplicate-alert", "duplicate-bucket-in-one",
    "duplicate-prefix", "duplicate-values",
    "expires-before-transition", "expires-with-transition", "glacier-too-early", "transition-of-nothing",
    "tag-alphabet", "duplicate-key", "sanitised-name", "status-ignored", "unknown-account", "bucket-names",
}  # fmt: skip
"""What one field's schema cannot say, and what is no error."""


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "bad").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_refuses_what_the_loader_refuses(path: Path) -> None:
    try:
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document is not None]
    except (yaml.YAMLError, RecursionError):
        return
    if path.stem in {*CROSS_FIELD, "duplicates", "merge-key", "empty-file", "alias-bomb"}:
        return
    assert any(not validator("customer.schema.json").is_valid(document) for document in documents)


@pytest.mark.parametrize("name", ["customer.schema.json", "settings.schema.json"])
def test_every_field_is_described(name: str) -> None:
    schema = json.loads((ROOT / "schemas" / name).read_text())
    parts = {"": schema, **schema["$defs"]}
    for title, part in parts.items():
        assert part.get("description"), title
        for field, about in part.get("properties", {}).items():
            assert about.get("description") or "$ref" in about, f"{title}.{field}"


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "schemas" / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
