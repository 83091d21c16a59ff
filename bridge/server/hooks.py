"""HTTP to the app's own addresses: cloud functions, webhook and push endpoint; an address is never logged."""

import asyncio
from collections.abc import Sequence

import httpx

from bridge.server.errors import ServiceError
from bridge.server.http import Json, JsonObject, parse_json
from bridge.server.outbox import Letter, Patience, Undelivered, Unwanted
from bridge.server.settings import Hooks

ANSWER_BYTES = 256 * 1024
"""What a function may answer at most; of the others' answers only the status is read."""

CONNECTIONS = 100

PUSHES_LIVE_MS = 3_600_000
MESSAGES_LIVE_MS = 86_400_000

_AGAIN = frozenset({408, 425, 429})


class FunctionFailed(Exception):
    """A cloud function that gave no usable answer; says why, without its address."""


class AppDoors:
    """The way to the addresses of one app; `transport` is for programs that bring their own network."""

    def __init__(self, hooks: Hooks, app_id: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._hooks = hooks
        self._headers = {"X-LC-Id": app_id}
        if hooks.key is not None:
            self._headers["X-LC-Hook-Key"] = hooks.key
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=None,  # noqa: S113 - each call has its own, over the whole of it
            limits=httpx.Limits(max_connections=CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Ends every connection."""
        await self._http.aclose()

    async def function(self, name: str, parameters: JsonObject) -> JsonObject:
        """What a cloud function returns, `{}` when that is no object; FunctionFailed for everything else."""
        url = f"{(self._hooks.functions or '').rstrip('/')}/1.1/functions/{name}"
        try:
            async with (
                asyncio.timeout(self._hooks.function_seconds),
                self._http.stream("POST", url, json=parameters, headers=self._headers) as response,
            ):
                if not response.is_success:
                    raise FunctionFailed(f"status {response.status_code}")
                answered = parse_json(await _read(response), "answer")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ServiceError) as problem:
            raise FunctionFailed(type(problem).__name__) from problem
        result: Json = answered.get("result") if isinstance(answered, dict) else None
        return result if isinstance(result, dict) else {}

    async def webhook(self, letters: Sequence[Letter]) -> None:
        """Several upstream messages as one JSON array (section on hooks); any answer but a 2xx is tried again."""
        body = f"[{','.join(letter.body for letter in letters)}]"
        status = await self._post(self._hooks.webhook, body, {})
        if not 200 <= status < 300:
            raise Undelivered(f"status {status}")

    async def push(self, letters: Sequence[Letter]) -> None:
        """The push data of one message; its id, to know it by when it comes again, is in a header as well."""
        (letter,) = letters
        status = await self._post(self._hooks.push, letter.body, {"Idempotency-Key": letter.id})
        if status >= 500 or status in _AGAIN:
            raise Undelivered(f"status {status}")
        if not 200 <= status < 300:
            raise Unwanted(f"status {status}")

    async def _post(self, url: str | None, body: str, headers: dict[str, str]) -> int:
        sent = {**self._headers, **headers, "Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(self._hooks.answer_seconds),
                self._http.stream("POST", url or "", content=body.encode(), headers=sent) as response,
            ):
                return response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as problem:
            raise Undelivered(type(problem).__name__) from problem


async def _read(response: httpx.Response) -> bytes:
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > ANSWER_BYTES:
            raise FunctionFailed("the answer is too long")
        chunks.append(chunk)
    return b"".join(chunks)


def webhook_patience(hooks: Hooks) -> Patience:
    """The documented webhook: several messages in a call, at most three more calls."""
    return Patience(
        together=100, at_once=8, wait=hooks.retry_seconds, longest=5, attempts=4, life_ms=MESSAGES_LIVE_MS
    )


def push_patience(hooks: Hooks) -> Patience:
    """Pushes wait out a restart of their receiver; after an hour nobody wants one any more."""
    return Patience(
        together=1, at_once=32, wait=hooks.retry_seconds, longest=10, attempts=10, life_ms=PUSHES_LIVE_MS
    )
