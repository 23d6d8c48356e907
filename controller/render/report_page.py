"""What the texts of usage, history, forecast and costs have in common: facts, a table under them, and what to know."""

from collections.abc import Iterable, Iterator, Sequence

from controller.render.markdown_text import prose
from controller.render.page import BLANK, Line, line, table
from controller.render.tables import Table, as_lines, as_markdown

Facts = Sequence[tuple[str, str]]
"""Names, each with what is known of it."""


def facts_and_table(title: str, facts: Facts, told: Table, notes: Iterable[str]) -> Iterator[Line]:
    yield line((title, "bold"))
    yield from table([(f"{name}:", words) for name, words in facts]) if facts else ()
    yield BLANK
    yield from as_lines(told)
    yield from remarks(notes)


def remarks(notes: Iterable[str]) -> Iterator[Line]:
    found = list(notes)
    if found:
        yield BLANK
    yield from (line(note) for note in found)


def markdown(title: str, facts: Facts, told: Table, notes: Iterable[str]) -> str:
    """The same for GitHub."""
    lines = [f"### {prose(title)}", ""]
    lines += [f"- {prose(name)}: {prose(words)}" for name, words in facts] + ([""] if facts else [])
    lines += as_markdown(told)
    lines += [text for note in notes for text in ("", prose(note))]
    return "\n".join(lines) + "\n"
