"""Logs on standard error: one line for each event, and no secret in any of them; nor where the process breaks off."""

import logging
import sys
import threading
import traceback
from collections.abc import Iterable
from types import TracebackType

from bridge.redaction import Redactor, redact

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
QUIET = {
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "apscheduler": logging.ERROR,  # a late alarm is ours to judge
    "httpx": logging.WARNING,
    "slack_bolt": logging.WARNING,
    "slack_sdk": logging.WARNING,
    "stamina": logging.ERROR,  # a read that is tried again is no news
    "uvicorn": logging.WARNING,
}
"""Libraries that tell more than the story, and from which level on they are heard."""


class Redacting(logging.Formatter):
    """Hides secrets in the finished line, tracebacks included: whatever parts it was made of."""

    def __init__(self, hide: Redactor = redact) -> None:
        super().__init__(FORMAT)
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        return self._hide(super().format(record))


def start(known: Iterable[str] = (), level: int = logging.INFO) -> None:
    """Send all logs to standard error; `known` are secrets of this deployment that its settings do not hold."""
    redact.know(*known)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # What no line shows is not collected: half of a record's cost.
    logging._srcfile = None  # the documented switch for looking up the caller
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))


def guard() -> None:
    """Hide secrets in what Python itself writes: exceptions that nobody catches, and logs before `start`."""
    sys.excepthook = _broke_off
    threading.excepthook = lambda broken: _broke_off(broken.exc_type, broken.exc_value, broken.exc_traceback)
    sys.unraisablehook = lambda broken: _broke_off(broken.exc_type, broken.exc_value, broken.exc_traceback)
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Redacting())


def _broke_off(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))
