"""A strict stand-in for Slack's platform: a door for the app as faithful as Slack's own, and one to control it by."""

import asyncio
from typing import Any, Self

import httpx
from starlette.applications import Starlette

from bridge.clock import Clock, now_ms
from bridge.playground.actions import Slack
from bridge.playground.courier import Courier, DeliveryError, Signature, UnreachableError, Wait
from bridge.playground.faults import Fault, Faults
from bridge.playground.late_answers import LIFETIME_MS, LateAnswers
from bridge.playground.model import Ack, App, ResponseUrl, Team, TriggerId
from bridge.playground.socket_mode import SocketMode
from bridge.playground.web_api import WebApi

PATIENCE_SECONDS = 60.0
"""How long an answer that is too late for Slack is still awaited, for the record."""


class Workspace(Slack):
    """One Slack workspace with the app installed: holds its state, acts as Slack toward the app, goes wrong on order.

    `app.request_url` is reached through `transport`. `asgi` is the door for the app: serve it, and set `base_url` to
    where it is served, without a trailing slash. `wait` is what the 3 seconds of an acknowledgement are measured with.
    """

    def __init__(
        self,
        *,
        app: App | None = None,
        team: Team | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = now_ms,
        wait: Wait = asyncio.sleep,
    ) -> None:
        super().__init__(team=team, app=app, clock=clock)
        self.faults = Faults()
        self.sockets = SocketMode(self)
        self.web_api = WebApi(self, self.faults, self.sockets.open_connection)
        self.late_answers = LateAnswers(self, self.faults)
        self.asgi = Starlette(routes=[*self.web_api.routes, *self.late_answers.routes, *self.sockets.routes])
        self._http = httpx.AsyncClient(transport=transport, timeout=PATIENCE_SECONDS, trust_env=False)
        self.courier = Courier(self, self.sockets, self._post, wait)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Let go of everything that is still awaited."""
        self.faults.clear()
        await self.courier.aclose()
        await self._http.aclose()

    # -- What goes wrong on order -------------------------------------------------------------------------------

    def fail(self, target: str | None = None, **how: Any) -> Fault:
        """Let the next calls of a Web API method, of `response_url` or (None) of anything go wrong; see `Fault`."""
        return self.faults.add(Fault(target, **how))

    def spoil_signature(self, how: Signature) -> None:
        """Sign the next request badly: stale, wrong, missing or malformed."""
        self.courier.next_signature = how

    async def redeliver(self, *, fresh: bool = False, attempt: int = 0, reason: str = "http_timeout") -> Ack:
        """Send the last request again; see `Courier.again`. Returns even a refusal, shows nothing to anyone."""
        try:
            return await self.courier.again(fresh=fresh, attempt=attempt, reason=reason)
        except DeliveryError as failure:
            if failure.ack is None:
                raise
            return failure.ack

    def expire(self, permission: ResponseUrl | TriggerId) -> None:
        """Make a response_url or a trigger older than Slack accepts."""
        permission.born_ms -= LIFETIME_MS + 1

    async def _post(self, body: bytes, headers: dict[str, str]) -> Ack:
        try:
            answer = await self._http.post(self.app.request_url or "", content=body, headers=headers)
        except httpx.HTTPError as error:
            raise UnreachableError(str(error)) from error
        return Ack(answer.status_code, answer.headers.get("content-type", ""), answer.content)
