"""Foreign text made harmless: what people and AWS wrote may hold control characters, and they are shown, not obeyed."""

import unicodedata


def visible(text: str) -> str:
    """The text with everything invisible written out as in Python, e.g. `\\x1b` or `\\u202e`. Idempotent.

    That takes the power from terminal escapes, line breaks of all kinds, bidirectional overrides and lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines, which it keeps."""
    return "\n".join(map(visible, text.split("\n")))


def clipped(text: str, most: int) -> str:
    """The visible text, cut to `most` characters with an ellipsis."""
    shown = visible(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def width(text: str) -> int:
    """How many columns a visible text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def padded(text: str, columns: int) -> str:
    """The visible text, filled up with spaces to a column."""
    shown = visible(text)
    return shown + " " * (columns - width(shown))


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
