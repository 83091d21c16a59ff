"""No secret leaves by the logs, whichever way it comes in."""

import logging
import sys

import pytest

from bridge.logs import HIDDEN, Redacting


def line(message: str, *values: object, fault: bool = False) -> str:
    formatter = Redacting(["hush-hush", "hush"])
    try:
        raise ValueError("hush-hush in a traceback")
    except ValueError:
        record = logging.LogRecord(
            "bridge", logging.INFO, "", 0, message, values, sys.exc_info() if fault else None
        )
    return formatter.format(record)


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-123-abc",
        "xapp-1-A-b",
        "https://hooks.slack.com/commands/T/1/x",
        "hush",
        "hush-hush",
    ],
)
def test_secrets_are_hidden(secret: str) -> None:
    shown = line("said %s", secret)
    assert secret not in shown
    assert HIDDEN in shown


def test_tracebacks_are_read_too() -> None:
    shown = line("failed", fault=True)
    assert "Traceback" in shown
    assert "hush" not in shown


def test_the_story_itself_stays() -> None:
    assert line("delivery %s planned", "abc").endswith("bridge: delivery abc planned")
