"""E-mail addresses taken out of what goes to a public log."""

import re
from dataclasses import replace

from controller.render.page import Line, Page

HIDDEN = "(e-mail hidden)"

_AT = "(?:@|&#64;|@&#8203;)"
"""As written in Markdown, too, where the sign is kept from mentioning anybody."""
_ADDRESS = re.compile(rf"""[^\s"'<>()\[\],;:|`=@]+{_AT}[^\s"'<>()\[\],;:|`@&]+""")


def hidden(text: str) -> str:
    """The text without any e-mail address."""
    return _ADDRESS.sub(HIDDEN, text)


def hidden_on(page: Page) -> Page:
    """The page without any e-mail address."""
    return replace(page, lines=tuple(Line(tuple((hidden(text), how) for text, how in one.spans)) for one in page.lines))
