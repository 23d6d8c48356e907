"""One answer in the form that was asked for: `-o table|json|yaml|csv|markdown`."""

from collections.abc import Callable
from typing import Any

from controller.entrypoints import terminal
from controller.render.json_text import json_text
from controller.render.page import Page
from controller.render.tables import Table, as_csv, as_markdown
from controller.render.yaml_text import yaml_text


def tell(
    form: str,
    *,
    page: Callable[[], Page],
    table: Callable[[], Table],
    document: Callable[[], dict[str, Any]],
    markdown: Callable[[], str] | None = None,
) -> None:
    """Only the form that is asked for is made. Without a `markdown` of its own, that is the table."""
    match form:
        case "json":
            terminal.write(json_text(document()))
        case "yaml":
            terminal.write(yaml_text([document()]))
        case "csv":
            terminal.write(as_csv(table()))
        case "markdown":
            terminal.write(markdown() if markdown else "\n".join(as_markdown(table())))
        case _:
            terminal.show(page())
