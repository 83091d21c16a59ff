"""Carries Slack's requests to the app (signed over HTTP, or through Socket Mode) and holds it to three seconds."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal
from urllib.parse import urlencode

from bridge.playground.model import Ack, Exchange, Json, SlackError
from bridge.playground.socket_mode import NoConnectionError, SocketMode, envelope
from bridge.playground.state import State

ACK_SECONDS = 3.0
STALE_SECONDS = 60 * 5 + 1
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

Post = Callable[[bytes, dict[str, str]], Awaitable[Ack]]
"""Posts a body with headers to the app's request URL. Raises `UnreachableError`."""
Wait = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""
Signature = Literal["valid", "stale", "wrong", "missing", "malformed"]


class UnreachableError(Exception):
    """The app could not be reached, or broke the connection."""


class DeliveryError(SlackError):
    """The app did not acknowledge; `ack` is the answer if one came that was no good."""

    def __init__(self, error: str, ack: Ack | None = None) -> None:
        super().__init__(error)
        self.ack = ack


@dataclass(frozen=True)
class Parcel:
    """One request to the app before it is signed or put into an envelope."""

    kind: Literal["slash_commands", "interactive", "events_api"]
    payload: Json
    answerable: bool = False
    attempt: int = 0
    reason: str = ""

    @property
    def body(self) -> bytes:
        """The bytes that HTTP carries: a form, an interaction's JSON in a form field, or an event's JSON."""
        if self.kind == "events_api":
            return json.dumps(self.payload).encode()
        if self.kind == "interactive":
            return urlencode({"payload": json.dumps(self.payload)}).encode()
        return urlencode(self.payload).encode()


class Courier:
    """Delivers parcels one by one and remembers the last, so that it can come again."""

    def __init__(self, state: State, sockets: SocketMode, post: Post, wait: Wait) -> None:
        self.next_signature: Signature = "valid"
        self._state = state
        self._sockets = sockets
        self._post = post
        self._wait = wait
        self._late: set[asyncio.Future[Ack]] = set()
        self._last: tuple[Parcel, dict[str, str]] | None = None

    async def send(self, parcel: Parcel) -> Ack:
        """Deliver, and return the acknowledgement. Raises `DeliveryError` when there is none within 3 seconds."""
        headers = self._headers(parcel)
        self._last = parcel, headers
        return await self._deliver(parcel, headers)

    async def again(self, *, fresh: bool, attempt: int, reason: str) -> Ack:
        """The last request once more: the same bytes, signed anew if `fresh`, else with the first signature.

        `attempt` 1 or more adds Slack's two retry headers.
        """
        if self._last is None:
            raise LookupError("nothing was sent yet")
        parcel, headers = self._last
        parcel = replace(parcel, attempt=attempt, reason=reason)
        if fresh:
            headers = self._headers(parcel)
        elif attempt:
            headers = {**headers, **_retry_headers(parcel)}
        return await self._deliver(parcel, headers)

    async def aclose(self) -> None:
        """Forget the answers that are still awaited."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _deliver(self, parcel: Parcel, headers: dict[str, str]) -> Ack:
        url = self._state.app.request_url
        target = f"POST {url}" if url else f"Socket Mode {parcel.kind}"
        entry = self._state.exchange("to app", target, headers if url else {}, parcel.body)
        if url:
            work = asyncio.ensure_future(self._post(parcel.body, headers))
        else:
            work = asyncio.ensure_future(self._through_socket(parcel))
        work.add_done_callback(lambda done: self._answered(entry, done))
        deadline = asyncio.ensure_future(self._wait(ACK_SECONDS))
        try:
            await asyncio.wait({work, deadline}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            work.cancel()
            raise
        finally:
            deadline.cancel()
        if not work.done():
            # Slack hangs up, but the app goes on: only the record sees what it says now.
            entry.late = True
            self._late.add(work)
            work.add_done_callback(self._late.discard)
            raise DeliveryError("operation_timeout")
        try:
            ack = work.result()
        except (UnreachableError, NoConnectionError):
            raise DeliveryError("dispatch_failed") from None
        if ack.status != 200 and not (parcel.kind == "events_api" and 200 < ack.status < 300):
            raise DeliveryError("http_client_error" if 400 <= ack.status < 500 else "http_service_error", ack)
        return ack

    async def _through_socket(self, parcel: Parcel) -> Ack:
        answer = await self._sockets.deliver(
            envelope(
                parcel.kind,
                parcel.payload,
                answerable=parcel.answerable,
                attempt=parcel.attempt,
                reason=parcel.reason,
            )
        )
        if not answer or not parcel.answerable:
            return Ack(200)
        return Ack(200, JSON, json.dumps(answer).encode())

    def _answered(self, entry: Exchange, work: asyncio.Future[Ack]) -> None:
        if work.cancelled() or work.exception():
            entry.status = 0
        else:
            entry.status, entry.answer = work.result().status, work.result().body
        self._state.record(entry)

    def _headers(self, parcel: Parcel) -> dict[str, str]:
        kind, self.next_signature = self.next_signature, "valid"
        headers = {
            "Content-Type": JSON if parcel.kind == "events_api" else FORM,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "Accept": "application/json,*/*",
            **_retry_headers(parcel),
        }
        if kind == "missing":
            return headers
        seconds = self._state.now() // 1000 - (STALE_SECONDS if kind == "stale" else 0)
        timestamp = "yesterday" if kind == "malformed" else str(seconds)
        secret = self._state.app.signing_secret + ("?" if kind == "wrong" else "")
        return {
            **headers,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(secret, timestamp, parcel.body),
        }


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature: HMAC-SHA256 over `v0:timestamp:` and the raw bytes."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, sha256).hexdigest()


def _retry_headers(parcel: Parcel) -> dict[str, str]:
    if not parcel.attempt:
        return {}
    return {"X-Slack-Retry-Num": str(parcel.attempt), "X-Slack-Retry-Reason": parcel.reason}
