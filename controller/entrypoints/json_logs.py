"""Logs of the operator: one JSON object a line, with the number of the pass and the customer where there is one."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

OWN = ("customer",)
"""What a record may carry beside its message: `log.info("...", extra={"customer": ...})`."""


class JsonLines(logging.Formatter):
    """`pass_number` tells which pass is under way."""

    def __init__(self, pass_number: Callable[[], int]) -> None:
        super().__init__()
        self._pass_number = pass_number

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pass": self._pass_number(),
            **{name: str(getattr(record, name)) for name in OWN if hasattr(record, name)},
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told)


def begin(stream: TextIO, pass_number: Callable[[], int], *, as_json: bool, verbose: bool) -> None:
    """All logs of this process go to `stream`; what kopf says of every single object only with `verbose`."""
    handler = logging.StreamHandler(stream)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines(pass_number) if as_json else plain)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("controller").setLevel(logging.DEBUG if verbose else logging.INFO)
    for noisy in ("kopf", "kopf.objects", "aiohttp.access", "botocore", "boto3"):
        logging.getLogger(noisy).setLevel(logging.INFO if verbose else logging.WARNING)
