"""The HTTP door: what it turns away, and that nothing unverified is read."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bridge.slack.door import LARGEST_BODY, SlackDoor

SECRET = "a-signing-secret"
NOW = 1_700_000_000
FORM = "application/x-www-form-urlencoded"
BODY = b"type=event_callback&response_url=https%3A%2F%2Fhooks.slack.test%2Fsecret"


@asynccontextmanager
async def door(body_seconds: float = 10) -> AsyncIterator[httpx.AsyncClient]:
    async def anybody() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1")

    app = AsyncApp(client=AsyncWebClient(), authorize=anybody, request_verification_enabled=False)
    transport = httpx.ASGITransport(SlackDoor(app, SECRET, lambda: NOW * 1000, body_seconds=body_seconds))
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
        yield client


def signed(body: bytes, timestamp: str = str(NOW), **more: str) -> dict[str, str]:
    digest = hmac.new(SECRET.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "content-type": FORM,
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": f"v0={digest}",
        **more,
    }


CHALLENGE = b'{"type": "url_verification", "challenge": "3eZbrw1a"}'


async def test_a_signed_challenge_is_answered() -> None:
    async with door() as client:
        headers = signed(CHALLENGE, **{"content-type": "application/json"})
        answer = await client.post("/", content=CHALLENGE, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1a"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-slack-signature": "v0=00"},
        signed(BODY, str(NOW - 301)),
        signed(BODY, str(NOW + 301)),
        signed(BODY, "yesterday"),
        signed(BODY, ""),
        signed(BODY, "1e999"),
        signed(BODY, "9" * 5_000),
        signed(BODY, f"+{NOW}"),
        signed(b"another body"),
        {**signed(BODY), "x-slack-signature": "v0=ü"},
        {**signed(BODY), "content-type": "text/html", "x-slack-signature": "v0=00"},
    ],
    ids=[
        *("none", "half", "stale", "early", "word", "empty", "huge", "huger", "plus"),
        *("other body", "not ascii", "wrong type too"),
    ],
)
async def test_what_slack_did_not_sign_now_is_unauthorized_with_one_answer_for_every_reason(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    async with door() as client:
        answer = await client.post("/", content=BODY, headers=raw)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid request"})
    assert "hooks.slack.test" not in caplog.text


@pytest.mark.parametrize("name", ["x-slack-signature", "x-slack-request-timestamp"])
async def test_what_is_said_twice_is_believed_neither_time(name: str) -> None:
    body = CHALLENGE
    once = {**signed(body), "content-type": "application/json"}
    for twice in ([*once.items(), (name, once[name])], [(name, "0"), *once.items()]):
        async with door() as client:
            answer = await client.post("/", content=body, headers=twice)
            assert (answer.status_code, answer.json()) == (401, {"error": "invalid request"})


@pytest.mark.parametrize("given", [[], ["text/plain"], [FORM, "application/json"], ["application/jsonp"]])
async def test_another_content_type_than_slacks_is_not_taken(given: list[str]) -> None:
    once = [(name, value) for name, value in signed(CHALLENGE).items() if name != "content-type"]
    headers = [*once, *(("content-type", each) for each in given)]
    async with door() as client:
        answer = await client.post("/", content=CHALLENGE, headers=headers)
        assert answer.status_code == 415


async def test_a_body_that_says_it_is_too_large_is_not_read_at_all() -> None:
    read: list[bytes] = []

    async def watched() -> AsyncIterator[bytes]:
        read.append(b"x")
        yield b"x"

    async with door() as client:
        length = {"content-length": str(LARGEST_BODY + 1)}
        answer = await client.post("/", content=watched(), headers={**signed(b""), **length})
        assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert read == []


async def test_a_body_that_says_two_lengths_is_refused() -> None:
    lengths = [("content-length", str(len(BODY))), ("content-length", "1")]
    async with door() as client:
        answer = await client.post("/", content=BODY, headers=[*signed(BODY).items(), *lengths])
        assert answer.status_code == 400


async def test_a_sender_that_dawdles_is_not_waited_for() -> None:
    async def dawdling() -> AsyncIterator[bytes]:
        yield CHALLENGE[:1]
        await asyncio.Event().wait()

    async with door(body_seconds=0.05) as client:
        answer = await client.post("/", content=dawdling(), headers=signed(CHALLENGE))
        assert (answer.status_code, answer.headers["connection"]) == (408, "close")


DEEP = b"{" + b'"a":{' * 100_000


@pytest.mark.parametrize("body", [b"payload=%7Bhalf", b"{half", b"payload=7", b"\xff\xfe", DEEP])
async def test_a_signed_body_that_can_not_be_read_is_refused_without_a_fault(body: bytes) -> None:
    async with door() as client:
        answer = await client.post("/", content=body, headers=signed(body))
        assert answer.status_code == 400


async def test_a_body_larger_than_any_of_slacks_is_not_read_to_its_end() -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        for number in range(1_000):
            read.append(number)
            yield b"x" * 65_536

    async with door() as client:
        answer = await client.post("/", content=endless(), headers=signed(b""))
        assert answer.status_code == 413
    assert len(read) <= LARGEST_BODY // 65_536 + 2


async def test_slacks_certificate_check_is_answered_without_a_signature() -> None:
    async with door() as client:
        answer = await client.post("/", content=b"ssl_check=1&token=x", headers={"content-type": FORM})
        assert (answer.status_code, answer.content) == (200, b"")


async def test_only_posts_are_taken() -> None:
    async with door() as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_headers_that_slack_does_not_sign_do_not_steer_bolt() -> None:
    async with door() as client:
        lazy = {"x-slack-bolt-lazy-only": "1", "x-slack-bolt-lazy-function-name": "x"}
        headers = signed(CHALLENGE, **{"content-type": "application/json"}, **lazy)
        answer = await client.post("/", content=CHALLENGE, headers=headers)
        assert answer.json() == {"challenge": "3eZbrw1a"}
