"""Slack's side: signed slash commands as Slack sends them, and the two Web API methods that the servers ask for."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.listen import bind, listening

SECRET = "benchmark-signing-secret"
TOKEN = "xoxb-benchmark"
TEAM, BOT, PERSON = "T0BENCH", "U0BOT", "U0PERSON"
COMMAND = "/im"

_requests = count(1)


def form(text: str) -> bytes:
    """The form of one slash command, every field that Slack sends; its trigger id is never given again."""
    number = next(_requests)
    fields = {
        "token": "benchmark-legacy-token",
        "team_id": TEAM,
        "team_domain": "benchmark",
        "channel_id": "C0BENCH",
        "channel_name": "benchmarks",
        "user_id": PERSON,
        "user_name": "spike",
        "command": COMMAND,
        "text": text,
        "api_app_id": "A0BENCH",
        "is_enterprise_install": "false",
        "response_url": "http://127.0.0.1:9/never-asked",
        "trigger_id": f"{time.time_ns()}.{number}.benchmark",
    }
    return urlencode(fields).encode()


def signed(body: bytes) -> dict[str, str]:
    """The headers that prove a body to be Slack's, for the next five minutes."""
    timestamp = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


@asynccontextmanager
async def web_api() -> AsyncIterator[str]:
    """Answers who the bot and the person are; yields the address for `SLACK_API_URL`."""
    front = bind("127.0.0.1", 0)
    routes = [Route("/api/auth.test", _bot, methods=["POST"]), Route("/api/users.info", _person)]
    async with listening(Starlette(routes=routes), front):
        yield f"{front.url}/api/"


async def _bot(_: Request) -> Response:
    return JSONResponse({"ok": True, "team_id": TEAM, "user_id": BOT, "bot_id": "B0BOT"})


async def _person(_: Request) -> Response:
    person = {"id": PERSON, "name": "spike", "locale": "en-US", "tz": "Europe/London"}
    return JSONResponse({"ok": True, "user": person})
