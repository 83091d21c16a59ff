"""The HTTP door for Slack's requests: bounded, verified on the raw bytes before anything reads them, then to bolt."""

import logging
import re

from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import Clock as Seconds
from slack_sdk.signature import SignatureVerifier
from starlette.types import Receive, Scope, Send

from bridge.clock import Clock, now_ms

log = logging.getLogger(__name__)

LARGEST_BODY = 1_048_576
"""Bytes; a button's payload carries its whole message, tables included."""
SSL_CHECK = re.compile(rb"(?:[^&]*&)?ssl_check=1(?:&|\Z)")
"""Slack looks at the certificate with this now and then, unsigned."""
PASSED_ON = frozenset({b"content-type", b"x-slack-signature", b"x-slack-request-timestamp"})
"""Bolt obeys other headers too (`x-slack-bolt-lazy-only`), and Slack signs none."""


class SlackDoor:
    """An ASGI endpoint for `/slack/events`.

    Bolt's own check isn't used: it comes after parsing, answers 500 to a timestamp that is no number, and logs the
    body that it rejects.
    """

    def __init__(self, app: AsyncApp, signing_secret: str, clock: Clock = now_ms) -> None:
        self._app = app
        self._verifier = SignatureVerifier(signing_secret, _Clock(clock))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await _answer(send, BoltResponse(status=405, body="", headers={"allow": "POST"}))
            return
        body = await _body(receive)
        if body is None:
            await _answer(send, BoltResponse(status=413, body=""))
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in PASSED_ON
        }
        await _answer(send, await self._response(body, headers))

    async def _response(self, body: bytes, headers: dict[str, str]) -> BoltResponse:
        if not self._is_signed(body, headers):
            if SSL_CHECK.match(body):
                return BoltResponse(status=200, body="")
            log.warning("a request that Slack did not sign, or not within five minutes: %d bytes", len(body))
            return BoltResponse(status=401, body={"error": "invalid request"})
        try:
            request = AsyncBoltRequest(body=body.decode(), headers=dict(headers))
        except (ValueError, AttributeError, TypeError):
            # Signed, and yet neither a form nor the JSON that bolt expects of Slack.
            log.warning("a signed request that can't be read: %d bytes", len(body))
            return BoltResponse(status=400, body={"error": "unreadable request"})
        return await self._app.async_dispatch(request)

    def _is_signed(self, body: bytes, headers: dict[str, str]) -> bool:
        timestamp = headers.get("x-slack-request-timestamp")
        signature = headers.get("x-slack-signature")
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except (ValueError, TypeError):
            # A timestamp that is no number, a body that is no UTF-8, a signature that isn't ASCII.
            return False


class _Clock(Seconds):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock() / 1000


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is larger than any of Slack's."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return body


async def _answer(send: Send, response: BoltResponse) -> None:
    content = response.body.encode()
    headers = [
        (name.encode(), value.encode()) for name, values in response.headers.items() for value in values
    ]
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
