"""Logs on standard error: one line for each event, and no secret in any of them."""

import logging
import re
import sys
from collections.abc import Iterable

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIDDEN = "***"
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
# Slack's tokens, and addresses that let whoever reads them post.
SECRETS = re.compile(r"\b(?:xox[a-z]|xapp)-[\w-]+|https://hooks\.slack\.com/\S+|(?<=trigger_id=)[\w.]+")


class Redacting(logging.Formatter):
    """Hides what looks like a secret and what is known to be one, tracebacks included."""

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__(FORMAT)
        self._known = tuple(sorted((each for each in known if each), key=len, reverse=True))

    def format(self, record: logging.LogRecord) -> str:
        line = SECRETS.sub(HIDDEN, super().format(record))
        for secret in self._known:
            line = line.replace(secret, HIDDEN)
        return line


def start(known: Iterable[str], level: int = logging.INFO) -> None:
    """Send all logs to standard error; `known` are this deployment's secrets."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting(known))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # What no line shows is not collected: half of a record's cost.
    logging._srcfile = None  # the documented switch for looking up the caller
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))
