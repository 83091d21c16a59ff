"""Slack as the crash suite needs it: signed commands that go in, and a record of every word that comes out."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.listen import bind, listening

TEAM, BOT, PERSON = "T0CRASH", "U0BOT", "U0MIA"
SECRET, TOKEN = "signing-secret", "xoxb-crash"


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as somebody typed it: whoever delivers it again gives the same `trigger`."""

    text: str
    trigger: str
    channel: str


@dataclass
class Workspace:
    """Answers the bridge's calls and keeps them; `said` is all that people could read, as JSON."""

    bridge_url: str
    http: httpx.AsyncClient
    url: str = ""
    said: list[str] = field(default_factory=list)

    async def deliver(self, typed: Typed) -> bool:
        """Send a command to the bridge; True: it was acknowledged, so whoever typed it believes that it is done."""
        body = urlencode(
            {
                "team_id": TEAM,
                "channel_id": typed.channel,
                "user_id": PERSON,
                "user_name": "mia",
                "command": "/im",
                "text": typed.text,
                "response_url": f"{self.url}/late",
                "trigger_id": typed.trigger,
            }
        )
        now = str(int(time.time()))
        digest = hmac.new(SECRET.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": f"v0={digest}",
        }
        try:
            answer = await self.http.post(f"{self.bridge_url}/slack/events", content=body, headers=headers)
        except httpx.HTTPError:
            return False
        assert answer.status_code == 200, answer.text
        self.said.append(answer.text)
        return True

    def heard(self, *words: str) -> bool:
        """Whether one thing that was said holds all these words."""
        return any(all(word in each for word in words) for each in self.said)

    async def _post(self, request: Request) -> Response:
        self.said.append(json.dumps(await request.json(), ensure_ascii=False))
        return JSONResponse({"ok": True, "ts": f"{len(self.said)}.0"})

    async def _late(self, request: Request) -> Response:
        self.said.append(json.dumps(await request.json(), ensure_ascii=False))
        return Response("ok")

    @property
    def routes(self) -> list[Route]:
        """The few methods that the bridge calls."""
        posting = ("chat.postMessage", "chat.update", "chat.delete", "chat.postEphemeral")
        return [
            Route("/api/auth.test", _bot, methods=["POST"]),
            Route("/api/users.info", _person),
            *(Route(f"/api/{method}", self._post, methods=["POST"]) for method in posting),
            Route("/late", self._late, methods=["POST"]),
        ]


async def _bot(_: Request) -> Response:
    return JSONResponse({"ok": True, "team_id": TEAM, "user_id": BOT})


async def _person(_: Request) -> Response:
    return JSONResponse({"ok": True, "user": {"id": PERSON, "name": "mia", "locale": "en-US", "tz": "UTC"}})


@asynccontextmanager
async def workspace(bridge_url: str) -> AsyncIterator[Workspace]:
    """Slack for one bridge, until the block ends."""
    front = bind("127.0.0.1", 0)
    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
        made = Workspace(bridge_url, http, front.url)
        async with listening(Starlette(routes=made.routes), front):
            yield made
