"""Documents as JSON text: the same bytes for the same values."""

import json
from typing import Any


def json_text(plain: Any) -> str:
    """Sorted keys, two spaces, a newline at the end. Pure ASCII: no terminal acts on what the values hold."""
    return json.dumps(plain, indent=2, sort_keys=True, allow_nan=False).replace("\x7f", "\\u007f") + "\n"
