"""The JSON schemas of manifests and settings, from the models themselves."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from controller.domain.manifest import CustomerManifest
from controller.domain.settings import Settings

BASE_URL = "https://billing.daylily.io/schemas/"


def customer_schema() -> str:
    """JSON schema of a manifest. No field takes null: a line without a value is an error, see `empty-value`."""
    return _written("customer.schema.json", CustomerManifest, WithoutNull)


def settings_schema() -> str:
    """JSON schema of the settings."""
    return _written("settings.schema.json", Settings, GenerateJsonSchema)


class WithoutNull(GenerateJsonSchema):
    """`X | None = None` is how a model says "may be left out"; in the document that is no null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if "default" in made and made["default"] is None:
            del made["default"]
        return made


def _written(name: str, model: type[BaseModel], generator: type[GenerateJsonSchema]) -> str:
    schema: dict[str, Any] = model.model_json_schema(by_alias=True, mode="validation", schema_generator=generator)
    head = {"$schema": GenerateJsonSchema.schema_dialect, "$id": BASE_URL + name, "title": model.__name__}
    return json.dumps({**head, **_without_titles(schema)}, indent=2, ensure_ascii=False) + "\n"


def _without_titles(schema: Any) -> Any:
    """pydantic's titles only repeat the names of the fields."""
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
        return {key: _without_titles(value) for key, value in kept.items()}
    return [_without_titles(item) for item in schema] if isinstance(schema, list) else schema
