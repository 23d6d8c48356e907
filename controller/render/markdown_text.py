"""Foreign text in GitHub Markdown: it can neither format, link, mention nor break out of where it stands."""

import re

from controller.render.safe_text import clipped

LONG = 200
"""How much of one text a comment shows."""

_BREAK = "&#8203;"
"""A space of no width: whatever would be a mention, a reference or an address is none with it inside."""

_HARMLESS = str.maketrans(
    {char: f"\\{char}" for char in "\\*_~[]$!"}
    | {char: f"&#{ord(char)};" for char in "&<>|`"}
    | {char: f"{char}{_BREAK}" for char in "@#"}
)


def code(text: str) -> str:
    """The text as inline code; safe in table cells too."""
    shown = clipped(text, LONG)
    if not shown.strip():
        return f'`"{shown}"`'
    if "`" in shown or "|" in shown:  # no code span holds both in a table cell: HTML, without any character to misread
        return f"<code>{''.join(_entity(char) for char in shown)}</code>"
    return f"`{shown}`"


def prose(text: str, most: int = 1000) -> str:
    """The text as plain words, everything that Markdown or GitHub would act on taken its power."""
    harmless = clipped(text, most).translate(_HARMLESS).replace("://", f":{_BREAK}//")
    return re.sub("www", lambda found: f"{found[0]}{_BREAK}", harmless, flags=re.IGNORECASE)


def fenced(lines: list[str], language: str) -> list[str]:
    """The lines in a fence that none of them can close."""
    longest = max((len(run) for one in lines for run in re.findall("`+", one)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *lines, fence]


def _entity(char: str) -> str:
    return f"&#{ord(char)};" if char.isascii() and not char.isalnum() and char != " " else char
