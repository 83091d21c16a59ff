"""Calls to Slack that tell apart what was refused, what was never sent, and what may have acted."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bridge.errors import Failed, Uncertain
from bridge.phrases import Code, phrase
from bridge.reply import File, Json

log = logging.getLogger(__name__)

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
Answer = TypeVar("Answer")

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
CONNECT_TRIES = 3
CHUNK_BYTES = 65_536
LONGEST_WAIT = 120
"""Seconds of Retry-After that one call sits through, all its waits together."""
IN_DOUBT = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
"""Slack's own words for these: some of it may have been done."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """Whose token it is, as `auth.test` says; what it may do (None: untold); and what time it is at Slack."""

    identity: Mapping[str, Json]
    scopes: frozenset[str] | None
    date: str


class SlackWeb:
    """Slack's Web API and response_urls over one aiohttp session. Errors carry Slack's own name as their `code`.

    Raises `Failed` where nothing was done and `Uncertain` where it may have been; only 429 and refused connections
    are tried again, for neither can have acted.
    """

    def __init__(
        self, token: str | None, api_url: str | None = None, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.token = token
        self.base_url = api_url or AsyncWebClient.BASE_URL
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    def client(self) -> AsyncWebClient:
        """slack_sdk's client on our session, without its blind retries."""
        return AsyncWebClient(self.token, self.base_url, session=self._open(), retry_handlers=[])

    async def call(
        self,
        method: str,
        body: Mapping[str, Json] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Json]:
        """One Web API method, its arguments as JSON or (methods that only read) in the query."""

        async def send() -> dict[str, Json]:
            if query is None:
                answer = await self.client().api_call(method, json=dict(body or {}))
            else:
                answer = await self.client().api_call(method, http_verb="GET", params=dict(query))
            return dict(answer.data) if isinstance(answer.data, dict) else {}

        return await self._patiently(method, send)

    async def introduce(self) -> Introduction:
        """What Slack says of the token itself."""

        async def send() -> Introduction:
            answer = await self.client().auth_test()
            headers = {name.lower(): str(value) for name, value in answer.headers.items()}
            granted = headers.get("x-oauth-scopes")
            scopes = None if granted is None else frozenset(granted.replace(",", " ").split())
            identity = answer.data if isinstance(answer.data, dict) else {}
            return Introduction(identity, scopes, headers.get("date", ""))

        return await self._patiently("auth.test", send)

    async def respond(self, url: str, message: Mapping[str, Json]) -> None:
        """One post to a response_url. Slack answers `ok`, or a refusal that may well have status 200."""

        async def send() -> None:
            async with self._open().post(url, json=dict(message)) as response:
                refusal = _refusal(await response.text())
                if response.status != 200 or refusal:
                    raise _RefusedError(refusal, response.status, response.headers)

        await self._patiently("response_url", send)

    async def upload(self, file: File, channel: str, thread: str | None = None) -> None:
        """Share a text file in a channel, or in a thread there (scope `files:write`)."""

        async def send() -> None:
            content = file.content.encode("utf-8", "replace") or b"\n"  # Slack takes no empty file
            await self.client().files_upload_v2(
                filename=file.name, content=content, channel=channel, thread_ts=thread
            )

        await self._patiently("files.upload", send)

    async def download(self, url: str, most: int) -> bytes:
        """A private file's content, cut after `most` bytes and one more (scope `files:read`).

        The caller answers for the host: it is shown the token. Redirects are not followed, a page is no file.
        """

        async def send() -> bytes:
            headers = {"Authorization": f"Bearer {self.token}"}
            async with self._open().get(url, headers=headers, allow_redirects=False) as response:
                if response.status != 200:
                    raise _RefusedError("", response.status, response.headers)
                if response.content_type == "text/html":
                    raise _RefusedError("sign_in", response.status, response.headers)
                content = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    content += chunk
                    if len(content) > most:
                        break
                return bytes(content[: most + 1])

        return await self._patiently("files", send)

    async def close(self) -> None:
        """End the session; a later call opens another."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            # A kept connection that Slack has closed meanwhile would leave a post in doubt: each call has its own.
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT, connector=aiohttp.TCPConnector(force_close=True)
            )
        return self._session

    async def _patiently(self, what: str, send: Callable[[], Awaitable[Answer]]) -> Answer:
        waited, tries = 0.0, 0
        while True:
            try:
                return await send()
            except (SlackApiError, _RefusedError) as error:
                refusal = error if isinstance(error, _RefusedError) else _RefusedError.of(error)
                if refusal.pause is None or waited + refusal.pause > LONGEST_WAIT:
                    raise refusal.meaning(what) from error
                waited += refusal.pause
                log.info("Slack limits %s: going on in %s s", what, refusal.pause)
                await self._sleep(refusal.pause)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                tries += 1
                if tries == CONNECT_TRIES:
                    raise Failed(phrase("Slack can't be reached."), code="not_reached") from error
                await self._sleep(tries)
            except SlackRequestError as error:
                raise Failed(phrase("Slack did not take the file."), code="upload_failed") from error
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Uncertain(
                    phrase("Slack did not say whether it did {what}.", what=Code(what))
                ) from error


class _RefusedError(Exception):
    """Slack's answer where it isn't `ok`: the error's name and the HTTP status."""

    def __init__(self, name: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(name or str(status))
        self.name = name or str(status)
        self.status = status
        self.headers = headers

    @classmethod
    def of(cls, error: SlackApiError) -> "_RefusedError":
        """From slack_sdk's. An answer that isn't Slack's JSON (a proxy's page) leaves open what was done."""
        answer = error.response
        if not isinstance(answer, AsyncSlackResponse) or not isinstance(answer.data, dict):
            return cls("", 502, {})
        return cls(str(answer.data.get("error") or ""), answer.status_code, answer.headers)

    @property
    def pause(self) -> float | None:
        """Seconds to wait where Slack limits the rate, else None."""
        if self.status != 429:
            return None
        given = str(self.headers.get("Retry-After", ""))
        return float(given) if given.isdigit() else 1.0

    def meaning(self, what: str) -> Failed | Uncertain:
        """The error for our side."""
        if self.name in IN_DOUBT or self.status >= 500:
            return Uncertain(phrase("Slack did not say whether it did {what}.", what=Code(what)))
        told = phrase("Slack refused {what}: {error}", what=Code(what), error=Code(self.name))
        return Failed(told, code=self.name)


def _refusal(text: str) -> str:
    """The error's name in an answer that may be `ok`, empty, or JSON."""
    try:
        answer = json.loads(text)
    except ValueError:
        return ""
    return (
        str(answer.get("error", "refused")) if isinstance(answer, dict) and answer.get("ok") is False else ""
    )
