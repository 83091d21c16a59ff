"""The HTTP door for Slack's requests: bounded, verified on the raw bytes before anything reads them, then to bolt."""

import asyncio
import hmac
import logging
import re
from hashlib import sha256

from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from bridge.clock import Clock, now_ms

log = logging.getLogger(__name__)

LARGEST_BODY = 1_048_576
"""Bytes; a button's payload carries its whole message, tables included."""
BODY_SECONDS = 10.0
"""In which a body must have come; Slack itself waits three seconds for the answer."""
FRESH_MS = 300_000
"""How far a signature's time may be from ours."""
TYPES = frozenset({"application/x-www-form-urlencoded", "application/json"})
SSL_CHECK = re.compile(rb"(?:[^&]*&)?ssl_check=1(?:&|\Z)")
"""Slack looks at the certificate with this now and then, unsigned."""
TYPE, SIGNATURE, TIMESTAMP = b"content-type", b"x-slack-signature", b"x-slack-request-timestamp"
PASSED_ON = (TYPE, SIGNATURE)
"""Bolt obeys other headers too (`x-slack-bolt-lazy-only`), and Slack signs none."""

_Headers = dict[bytes, list[bytes]]


class _RefusedError(Exception):
    """The answer to a request that is none of Slack's; it may not be read to its end."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(status)
        self.response = BoltResponse(status=status, body="", headers={**headers, "connection": "close"})


class SlackDoor:
    """An ASGI endpoint for `/slack/events`.

    Bolt's own check isn't used: it comes after parsing, answers 500 to a timestamp that is no number, and logs the
    body that it rejects.
    """

    def __init__(
        self,
        app: AsyncApp,
        signing_secret: str,
        clock: Clock = now_ms,
        *,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._secret = signing_secret.encode()
        self._clock = clock
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers: _Headers = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        try:
            if scope["method"] != "POST":
                raise _RefusedError(405, allow="POST")
            async with asyncio.timeout(self._body_seconds):
                body = await _body(headers, receive)
        except _RefusedError as refused:
            await _answer(send, refused.response)
        except TimeoutError:
            log.warning("a request whose body did not come within %s s", self._body_seconds)
            await _answer(send, _RefusedError(408).response)
        except ClientDisconnect:
            log.info("a request that broke off")
        else:
            await _answer(send, await self._response(body, headers))

    async def _response(self, body: bytes, headers: _Headers) -> BoltResponse:
        if not self._is_signed(body, headers):
            if SSL_CHECK.match(body):
                return BoltResponse(status=200, body="")
            log.warning("a request that Slack did not sign, or not within five minutes: %d bytes", len(body))
            return BoltResponse(status=401, body={"error": "invalid request"})
        types = headers.get(TYPE, [])
        if len(types) != 1 or types[0].partition(b";")[0].strip().lower().decode("latin-1") not in TYPES:
            log.warning("a signed request of another content type: %d bytes", len(body))
            return BoltResponse(status=415, body={"error": "unsupported content type"})
        passed = {name.decode(): headers[name][0].decode("latin-1") for name in PASSED_ON}
        try:
            request = AsyncBoltRequest(body=body.decode(), headers=dict(passed))
        except (ValueError, AttributeError, TypeError, RecursionError):
            # Signed, and yet neither a form nor the JSON that bolt expects of Slack.
            log.warning("a signed request that can't be read: %d bytes", len(body))
            return BoltResponse(status=400, body={"error": "unreadable request"})
        return await self._app.async_dispatch(request)

    def _is_signed(self, body: bytes, headers: _Headers) -> bool:
        """Whether Slack signed these bytes just now; whatever is amiss, the same work is done to say no."""
        timestamps, signatures = headers.get(TIMESTAMP, []), headers.get(SIGNATURE, [])
        once = len(timestamps) == 1 and len(signatures) == 1
        timestamp, signature = (timestamps[0], signatures[0]) if once else (b"", b"")
        digest = hmac.new(self._secret, b"v0:%b:%b" % (timestamp, body), sha256).hexdigest()
        same = hmac.compare_digest(b"v0=" + digest.encode(), signature)
        # More digits than any time has could not be read as a number at all.
        seconds = int(timestamp) if timestamp.isdigit() and len(timestamp) <= 12 else 0
        fresh = abs(self._clock() - seconds * 1000) <= FRESH_MS
        return once and same and fresh


async def _body(headers: _Headers, receive: Receive) -> bytes:
    """The whole body. _RefusedError: it is larger than any of Slack's, or says two lengths."""
    lengths = headers.get(b"content-length", [])
    if len(lengths) > 1 or not all(each.isdigit() for each in lengths):
        raise _RefusedError(400)
    if any(len(each) > 12 or int(each) > LARGEST_BODY for each in lengths):
        raise _RefusedError(413)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise _RefusedError(413)
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: Send, response: BoltResponse) -> None:
    content = response.body.encode()
    headers = [
        (name.encode(), value.encode()) for name, values in response.headers.items() for value in values
    ]
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
