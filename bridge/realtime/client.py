"""Makes the calls: the only file here that does I/O, and the one import for whoever uses the service."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Self, TypeVar

import aiohttp
import httpx
import stamina
from httpx_aiohttp import AiohttpTransport

from bridge.realtime.clients import Clients
from bridge.realtime.conversations import Conversations
from bridge.realtime.errors import Limit, NotSent, RateLimited, RealtimeError, Unavailable
from bridge.realtime.history import History
from bridge.realtime.messages import Messages
from bridge.realtime.moderation import Moderation
from bridge.realtime.pacing import Meter, Pacer, Turn
from bridge.realtime.protocol import Call, Credentials, interpret, lost, unsent
from bridge.realtime.storage import Storage
from bridge.realtime.subscriptions import Subscriptions

__all__ = ["Credentials", "Effort", "Endpoint", "RealtimeClient", "Timeouts", "open_http"]

T = TypeVar("T")

log = logging.getLogger(__name__)

ADDRESSES_KEPT = 1_000
"""What is asked again and again, such as one conversation; what was answered is never kept."""
HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "imbridge"}

_NOT_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each step of an exchange over a socket."""

    connect: float = 5.0
    """Waiting for a free connection and opening it."""
    read: float = 12.0
    """Without a byte of the answer; the service itself gives a query 10 seconds."""

    def extensions(self) -> dict[str, object]:
        """As httpx's transports take them."""
        return {"timeout": httpx.Timeout(self.read, connect=self.connect, pool=self.connect).as_dict()}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the service is and what carries requests there, open until its block ends.

    A transport of httpx without its client, whose cookies, redirects and credentials of its own are a fifth of a call's
    time inside the process, and of no use to any call.
    """

    base_url: str
    transport: httpx.AsyncBaseTransport
    timeouts: Timeouts = Timeouts()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.transport.aclose()


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done at once, how long it may take, and how often a read is tried."""

    concurrency: int = 60
    """Calls at once; above 60 the service answers 429 (REST 1.2, general API concurrency)."""
    queue_seconds: float = 10.0
    """Waiting for one of those places."""
    exchange_seconds: float = 20.0
    """One call, from connecting to the last byte, whatever the transport's own timeouts."""
    read_attempts: int = 3
    read_seconds: float = 25.0
    """No further attempt after this long."""
    read_backoff_seconds: float = 0.2
    """The first pause between attempts, doubled and jittered afterwards; up to 2 seconds."""
    answer_bytes: int = 64 * 1024 * 1024
    """A longer answer is given up; the largest page of history, every character escaped, is half of this."""


class RealtimeClient(Conversations, Messages, History, Subscriptions, Clients, Moderation, Storage):
    """The messaging service, a method for each documented call; all raise `bridge.realtime.errors`."""

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Credentials,
        *,
        pacer: Pacer | None = None,
        effort: Effort = Effort(),
    ) -> None:
        self._transport = endpoint.transport
        self._base_url = endpoint.base_url.rstrip("/")
        self._headers = httpx.Headers({**HEADERS, **credentials.headers()})
        self._extensions = endpoint.timeouts.extensions()
        self._credentials = credentials
        self.pacer: Pacer = pacer or Meter()
        self._effort = effort
        self._places = asyncio.Semaphore(effort.concurrency)

    async def ask(self, call: Call[T]) -> T:
        """Make the call: an acting one at most once, a read a few times."""
        if call.acts:
            return await self._act(call)
        try:
            return await self._exchange(call)
        except RealtimeError as error:
            if not _passes(error):
                raise
            failed = error
        return await self._read_again(call, failed)

    async def _read_again(self, call: Call[T], failed: RealtimeError) -> T:
        # The first attempt has been made: setting this up costs as much as a third of a call inside the process.
        attempts = stamina.retry_context(
            on=_passes,
            attempts=self._effort.read_attempts,
            timeout=self._effort.read_seconds,
            wait_initial=self._effort.read_backoff_seconds,
            wait_max=2.0,
            wait_jitter=self._effort.read_backoff_seconds,
        )
        async for attempt in attempts:
            with attempt:
                if attempt.num == 1:
                    raise failed
                return await self._exchange(call)
        raise AssertionError("retrying ends with an answer or an error")

    async def _act(self, call: Call[T]) -> T:
        turn = await self._reserve(call)
        try:
            return await self._exchange(call)
        except RateLimited as error:
            if call.family is None or turn is None:
                raise
            await self.pacer.release(call.family, turn)
            wait = await self.pacer.penalise(call.family, daily=error.limit.daily)
            limit = Limit(call.family, error.limit.daily, wait)
            raise RateLimited(
                error.reason, request=error.request, code=error.code, status=error.status, limit=limit
            ) from error
        except NotSent:
            if call.family is not None and turn is not None:
                await self.pacer.release(call.family, turn)
            raise

    async def _reserve(self, call: Call[T]) -> Turn | None:
        if call.family is None:
            return None
        turn = await self.pacer.reserve(call.family)
        if turn.wait_ms > 0:
            limit = Limit(call.family, turn.daily, turn.wait_ms)
            raise RateLimited(f"the quota of {call.family} is used up", request=call.request, limit=limit)
        return turn

    async def _exchange(self, call: Call[T]) -> T:
        try:
            async with asyncio.timeout(self._effort.queue_seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise unsent(call, "too many calls are under way") from error
        try:
            async with asyncio.timeout(self._effort.exchange_seconds):
                status, body = await self._send(call)
        except TimeoutError as error:
            raise lost(call, "no answer in time") from error
        finally:
            self._places.release()
        return interpret(call, status, body, self._credentials)

    async def _send(self, call: Call[T]) -> tuple[int, bytes]:
        headers = self._headers
        if call.payload is not None:
            headers = httpx.Headers({**headers, "Content-Type": "application/json"})
        url, payload, extensions = _address(self._base_url + call.target), call.payload, self._extensions
        request = httpx.Request(call.method, url, headers=headers, content=payload, extensions=extensions)
        try:
            response = await self._transport.handle_async_request(request)
        except _NOT_CONNECTED as error:
            raise unsent(call, f"no connection to the service ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise lost(call, f"the connection broke ({type(error).__name__})") from error
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._effort.answer_bytes:
                    raise lost(call, "the answer is too long", status=response.status_code)
            log.debug("%s %s: %d", request.method, request.url, response.status_code)
            return response.status_code, bytes(body)
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise lost(call, "the answer broke off", status=response.status_code) from error
        finally:
            await response.aclose()


@lru_cache(ADDRESSES_KEPT)
def _address(url: str) -> httpx.URL:
    """A call's address as httpx has it, whose strict reading takes it a tenth of a call inside the process."""
    return httpx.URL(url)


def _passes(error: Exception) -> bool:
    """Whether reading again soon can help; the general concurrency limit passes with the other calls."""
    return isinstance(error, Unavailable) or (isinstance(error, RateLimited) and not error.limit.daily)


def open_http(
    base_url: str,
    *,
    timeouts: Timeouts = Timeouts(),
    connections: int = 60,
    tls: ssl.SSLContext | None = None,
) -> Endpoint:
    """A service on a socket; to be closed by whoever opened it, and opened within a loop."""
    context = tls or httpx.create_ssl_context(trust_env=False)
    connector = aiohttp.TCPConnector(
        limit=connections,
        # Long before a server would close it: a call that goes out on a closing connection becomes unknown.
        keepalive_timeout=2.0,
        ssl=context,
    )
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    # aiohttp repeats PUT and DELETE by itself when a kept connection breaks, and has no public switch for it.
    session._retry_connection = False
    return Endpoint(base_url, _Transport(verify=context, client=session), timeouts)


class _Transport(AiohttpTransport):
    """httpx-aiohttp, whose every broken connection comes out as a connect timeout, told apart again."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except httpx.TransportError as error:
            raise _told_apart(error.__cause__ or error) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _told_apart(error) from error


def _told_apart(error: BaseException) -> httpx.TransportError:
    """Only what aiohttp raises before a connection stands is a connect error; all else may have been sent."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout("no connection in time")
        case aiohttp.ClientConnectorError() | aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return httpx.ConnectError("no connection")
        case TimeoutError():
            return httpx.ReadTimeout("no answer in time")
        case _:
            return httpx.ReadError("the connection broke")
