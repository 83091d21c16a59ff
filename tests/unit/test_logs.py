"""No secret leaves by the logs, whichever way it comes in and whatever form it has by then."""

import json
import logging
import re
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from bridge.logs import Redacting
from bridge.redaction import HIDDEN, Redactor, passwords

PLANTED = "Pl4nted/s3cret+of 'ours'\\ü"
LIBRARIES = (
    "uvicorn.error",
    "uvicorn.access",
    "aiosqlite",
    "asyncpg",
    "slack_sdk",
    "slack_bolt.AsyncApp",
    "httpx",
)


def line(message: str, *values: object, fault: bool = False) -> str:
    formatter = Redacting(Redactor(["hush-hush", "hush", PLANTED]))
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
        "xoxe.xoxp-1-Mi0y",
        "xapp-1-A-b",
        "https://hooks.slack.com/commands/T/1/x",
        "https:\\/\\/hooks.slack.com\\/commands\\/T\\/1\\/x",
        "https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT%2F1%2Fx",
        "hush",
        "hush-hush",
        "d5bcbb897e19b2f6633c716dfdfaf9be,1453014943466",
        "d5bcbb897e19b2f6633c716dfdfaf9be,1453014943466,master",
        f"v0={'0a' * 32}",
    ],
)
def test_secrets_are_hidden(secret: str) -> None:
    shown = line("said %s", secret)
    assert secret not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "said",
    [
        "X-LC-Key: n0-key-of-ours,master",
        "X-LC-Key:?@n0-key-of-ours,master",
        "{'x-lc-key': 'n0-key-of-ours,master', 'x': 1}",
        "[(b'x-lc-key', b'n0-key-of-ours,master')]",
        '"X-LC-Sign": "n0-key-of-ours"',
        "X-LC-Hook-Key=n0-key-of-ours",
        "x-avoscloud-application-key: n0-key-of-ours",
        "Authorization: Bearer n0-key-of-ours",
        "'Authorization': 'Basic n0-key-of-ours'",
        "postgresql://imbridge:n0-key-of-ours@db/imbridge",
        "trigger_id=n0-key-of-ours&text=hi",
        '{"trigger_id": "n0-key-of-ours"}',
        "wss://wss-primary.slack.com/link/?ticket=n0-key-of-ours&app_id=A1",
    ],
)
def test_what_stands_where_secrets_stand_is_hidden_whosever_it_is(said: str) -> None:
    shown = line(said)
    assert "n0-key-of-ours" not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "form",
    [
        PLANTED,
        quote(PLANTED),
        quote(PLANTED, safe=""),
        re.sub("%..", lambda found: found.group().lower(), quote(PLANTED, safe="")),
        quote_plus(PLANTED),
        json.dumps({"key": PLANTED}),
        json.dumps({"key": PLANTED}, ensure_ascii=False),
        repr(PLANTED),
        repr(PLANTED.encode()),
        b64encode(PLANTED.encode()).decode(),
        PLANTED.encode().hex(),
    ],
)
def test_a_secret_is_hidden_in_every_form_that_it_takes(form: str) -> None:
    core = form.strip('"').removeprefix('{"key": "').removesuffix('"}')
    assert core not in line("said %s", form)


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("user", ["u", "us", "use", "user"])
def test_a_password_is_hidden_in_the_base64_of_user_and_password(user: str, encode) -> None:  # type: ignore[no-untyped-def]
    whole = encode(f"{user}:{PLANTED}:after".encode()).decode()
    shown = line("Authorization %s", whole)
    kept = shown.rpartition(" ")[2].partition(HIDDEN)
    assert kept[1] == HIDDEN
    # What is left of it is what stands before and after, and less than one byte of the secret at either end.
    assert len(kept[0]) <= len(user) * 2 + 2
    assert len(kept[2]) <= len(":after") * 2


def test_a_secret_that_comes_in_pieces_is_hidden_as_a_whole() -> None:
    assert "hush-hush" not in line("%s%s and %r", "hush-", "hush", b"hush-hush")
    assert PLANTED[:9] not in line("%s%s", PLANTED[:9], PLANTED[9:])


def test_tracebacks_are_read_too() -> None:
    shown = line("failed", fault=True)
    assert "Traceback" in shown
    assert "hush" not in shown


def test_the_story_itself_stays() -> None:
    assert line("delivery %s planned", "abc").endswith("bridge: delivery abc planned")
    told = "listening on http://127.0.0.1:8137; see https://a.example:80/x, mail@x.example, 10:20:30"
    assert line(told).endswith(told)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://u:pa%40ss@host:5432/db", "pa@ss"),
        ("postgresql://u:p@ss/w?rd#@host/db", "p@ss/w?rd#"),
        ("postgresql:///db?user=u&password=pa%40ss&x=1", "pa@ss"),
    ],
)
def test_the_password_of_an_address_is_found_however_it_is_written(url: str, password: str) -> None:
    assert password in passwords(url)


def test_an_address_without_a_password_has_none() -> None:
    assert not any(passwords("sqlite:///var/imbridge.db"))
    assert not any(passwords("postgresql://u@host:5432/db"))


CHILD = """
import logging, sys, threading, warnings
from bridge import logs
logs.guard()
logging.getLogger("early").error("early: it said xoxb-planted-secret")
logs.start([sys.stdin.readline().strip()], logging.DEBUG)
warnings.warn("py.warnings: it said " + "planted-" + "secret")
for name in sys.argv[1:]:
    logging.getLogger(name).error("%s: it said %s%s", name, "planted-", "secret")
thread = threading.Thread(target=lambda: int("planted-secret"), name="one of its threads")
thread.start()
thread.join()
class Unraisable:
    def __del__(self):
        raise ValueError("planted-secret")
del (lambda: Unraisable())().x
"""


def test_no_library_and_nothing_of_pythons_own_gets_past_it() -> None:
    """Loggers of all libraries, a warning, a thread and an object that fail, and the end of the process."""
    finished = subprocess.run(
        [sys.executable, "-c", CHILD, *LIBRARIES],
        input="planted-secret\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    told = finished.stderr
    assert finished.returncode == 1
    assert [
        each for each in ("early", "py.warnings", *LIBRARIES) if f"{each}: it said {HIDDEN}" not in told
    ] == [], told
    assert f"ValueError: invalid literal for int() with base 10: '{HIDDEN}'" in told
    assert f"ValueError: {HIDDEN}" in told
    assert told.rstrip().endswith("AttributeError: 'Unraisable' object has no attribute 'x'")
    assert "planted-secret" not in told
