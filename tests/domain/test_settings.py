"""The settings: one default for everything, and flag over environment over file."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from controller.domain.customer import Place
from controller.domain.settings import Settings
from controller.manifests.settings_file import LoadedSettings, load_settings

CONFIG = Path(__file__).parents[2] / "config" / "billing_config.yaml"


def test_the_file_of_the_repository_shows_the_defaults() -> None:
    loaded = load_settings(CONFIG, {}, {})
    assert loaded.diagnostics == ()
    assert loaded.settings == Settings()


def test_the_file_of_the_repository_explains_every_key() -> None:
    text = CONFIG.read_text()
    for name in keys(Settings):
        assert any(f"{name}:" in line and "#" in line for line in text.splitlines()) or name in SECTIONS, name


SECTIONS = {"billing", "tables", "alerts"}


def keys(model: type[BaseModel]) -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys(field.annotation)
    return found


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("concurrency: 1\ncontroller_id: file\nsettle_seconds: 1\n")
    environment = {"RECONCILE_CONCURRENCY": "2", "RECONCILE_CONTROLLER_ID": "env"}
    loaded = load_settings(file, environment, {"concurrency": 3, "settle_seconds": None})
    settings = loaded.settings
    assert (settings.concurrency, settings.controller_id, settings.settle_seconds) == (3, "env", 1)
    assert settings.verify.subscribers_hours == 24, "the default"
    assert str(loaded.origin.locate("concurrency")) == "command line"
    assert str(loaded.origin.locate("controller_id")) == "RECONCILE_CONTROLLER_ID"
    assert loaded.origin.locate("settle_seconds") == Place(str(file), 3, 17)


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("RECONCILE_TABLES__BILLING", "my-table", "tables.billing", "my-table"),
        ("RECONCILE_CONTROLLER_ID", "123", "controller_id", "123"),
        ("RECONCILE_BILLING__ENABLED", "false", "billing.enabled", False),
        (
            "RECONCILE_BILLING__BUDGETS__DEFAULT_MONTHLY_LIMIT",
            "7.50",
            "billing.budgets.default_monthly_limit",
            Decimal("7.5"),
        ),
        ("RECONCILE_BILLING__BUDGETS__ALERT_THRESHOLDS", "[10, 20]", "billing.budgets.alert_thresholds", (10, 20)),
        ("RECONCILE_TABLES__REGION", "eu-west-1", "tables.region", "eu-west-1"),
        ("RECONCILE_CONCURRENCY", "", "concurrency", 16),
        ("RECONCILE_PLAN_FORMAT", "json", "concurrency", 16),
    ],
)
def test_variables_are_text_where_text_is_wanted_and_yaml_elsewhere(
    name: str, text: str, path: str, value: Any
) -> None:
    loaded = load_settings(None, {name: text}, {})
    assert loaded.diagnostics == ()
    found: Any = loaded.settings
    for step in path.split("."):
        found = getattr(found, step)
    assert found == value


def test_what_is_wrong_outside_of_the_file_names_its_source() -> None:
    environment = {"RECONCILE_CONCURRENCY": "many", "RECONCILE_TABLES__BILING": "x"}
    loaded = load_settings(CONFIG, environment, {"safety.min_keys": -1})
    assert [(found.file, found.rule) for found in loaded.diagnostics] == [
        ("RECONCILE_CONCURRENCY", "wrong-type"),
        ("RECONCILE_TABLES__BILING", "unknown-field"),
        ("command line", "out-of-range"),
    ]
    assert not loaded.is_valid
    assert loaded.settings == Settings()


def test_a_missing_file_is_an_error_and_an_empty_one_is_all_defaults(tmp_path: Path) -> None:
    assert [found.rule for found in load_settings(tmp_path / "no.yaml", {}, {}).diagnostics] == ["unreadable-file"]
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert load_settings(tmp_path / "empty.yaml", {}, {}) == LoadedSettings()


def test_without_accounts_there_is_one_that_the_credentials_belong_to() -> None:
    assert Settings().account_names() == ("default",)
    assert Settings().account("default") is not None
    assert Settings().account("prod") is None
    listed = Settings.model_validate({"accounts": [{"name": "prod", "id": "012345678901", "payer": False}]})
    assert listed.account_names() == ("prod",)
    assert listed.account("default") is None


def test_the_digest_changes_with_every_setting() -> None:
    assert Settings().digest() == Settings.model_validate({"concurrency": 16}).digest()
    assert Settings().digest() != Settings(concurrency=17).digest()


@given(st.dictionaries(st.sampled_from([f"RECONCILE_{name.upper()}" for name in Settings.model_fields]), st.text()))
def test_whatever_the_environment_says_there_are_only_diagnostics(environment: dict[str, str]) -> None:
    loaded = load_settings(None, environment, {})
    assert loaded.is_valid or loaded.settings == Settings()
