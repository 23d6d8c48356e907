"""E-mail addresses taken out of what goes to a public log."""

import re

from controller.render.page import Line, Page, Remade

HIDDEN = "(e-mail hidden)"

_AT = "(?:@|&#64;|@&#8203;)"
"""As written in Markdown, too, where the sign is kept from mentioning anybody."""
_ADDRESS = re.compile(rf"""[^\s"'<>()\[\],;:|`=@]+{_AT}[^\s"'<>()\[\],;:|`@&]+""")


def hidden(text: str) -> str:
    """The text without any e-mail address."""
    return _ADDRESS.sub(HIDDEN, text)


def hidden_on(page: Page) -> Page:
    """The page without any e-mail address."""
    return Page(Remade(lambda: (_hidden_in(one) for one in page.lines)))


def _hidden_in(line: Line) -> Line:
    return Line(tuple((hidden(text), how) for text, how in line.spans))
