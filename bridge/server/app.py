"""The composition root of the server: the one file that knows every part, and its literal route table."""

import logging
from functools import partial

from starlette.datastructures import State
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.server import (
    batch,
    broadcasts,
    classes,
    clients,
    conversation_routes,
    files,
    legacy,
    rest_messages,
    restriction_routes,
    subscribers,
    uploads,
    users,
)
from bridge.server.broadcasts import Broadcasts
from bridge.server.bus import Bus
from bridge.server.conversations import Conversations
from bridge.server.departures import Departures
from bridge.server.door import Door
from bridge.server.engine import POSTGRESQL, Engine
from bridge.server.http import answer
from bridge.server.messages import Messages
from bridge.server.migrations import migrate
from bridge.server.notices import Notices
from bridge.server.objects import Objects
from bridge.server.outward import Outward
from bridge.server.presence import Direct, Presence
from bridge.server.push import Pushes
from bridge.server.quotas import Quotas
from bridge.server.retention import Retention
from bridge.server.settings import ServerSettings
from bridge.server.storage import Storage
from bridge.server.times import iso
from bridge.server.upstream import Upstream
from bridge.server.wire.socket import Sockets
from bridge.server.writer import Writer

log = logging.getLogger(__name__)

ROUTE_TTL_SECONDS = 3600


class FrontDoor:
    """Sockets, browsers and programs part here: none pays for the layers that only another one needs.

    Those around HTTP would cost each open socket 5 KB; those for browsers are for requests that name where their page
    is from, or come as a form's plain text because a page may send no headers of ours.
    """

    def __init__(self, door: Door, sockets: Sockets) -> None:
        self._sockets = sockets
        self._programs = Departures(door)
        self._browsers = Departures(
            CORSMiddleware(
                uploads.Forms(door),
                allow_origins=["*"],
                allow_methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
                allow_headers=["*"],
                expose_headers=["Location"],
                max_age=86_400,
            )
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
        elif _is_of_a_browser(scope):
            await self._browsers(scope, receive, send)
        else:
            await self._programs(scope, receive, send)


def _is_of_a_browser(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"origin" or (name == b"content-type" and value.startswith(b"text/plain")):
            return True
    return False


class Server:
    """A running server: its parts as attributes, its front door as `asgi`. Made by `Server.start`."""

    def __init__(self, settings: ServerSettings, engine: Engine) -> None:
        self.settings = settings
        self.clock = settings.clock
        self.engine = engine
        self.objects = Objects(engine.dialect, self.clock)
        self.conversations = Conversations(self.objects)
        self.storage = Storage(settings, self.objects, self.conversations)
        self.quotas = Quotas(settings.plan, self.clock)
        self.broadcasts = Broadcasts(engine, self.clock)
        self.presence = Presence(self.broadcasts.owed, partial(subscribers.among, engine))
        self.notices = Notices(self.presence, self.clock)
        self.outward = Outward(settings, engine, self.presence)
        self.hooks = self.outward.functions
        self.upstream = Upstream(engine, self.objects, self.hooks, self.outward.webhook, self.clock)
        writer = Writer(engine, self.clock, self.quotas, self.presence, Pushes(self.outward.push))
        self.messages = Messages(engine, writer, self.hooks, self.broadcasts.delivered)
        days = settings.history_days
        self.retention = None if days is None else Retention(engine, self.clock, days)
        self.sockets = Sockets(self)
        self.bus: Bus | None = None
        self.asgi: ASGIApp = FrontDoor(Door(ROUTES, State({"server": self})), self.sockets)

    @classmethod
    async def start(cls, settings: ServerSettings) -> "Server":
        """Opens the database, brings its tables up to date, and answers from then on."""
        engine = Engine(settings.database_url)
        try:
            await migrate(engine)
        except BaseException:
            await engine.close()
            raise
        server = cls(settings, engine)
        if engine.dialect == POSTGRESQL:
            await server.join_others()
        return server

    async def join_others(self) -> None:
        """Becomes one service with the other processes on the same database."""

        async def heard(broadcast: Direct) -> None:
            await self.broadcasts.delivered(broadcast, self.presence.devices)

        try:
            self.bus = await Bus.start(self.engine.sqlalchemy.url, self.presence, heard)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends every connection and lets go of the database; requests under way have to be over."""
        self.presence.close()
        await self.sockets.close()
        await self.messages.close()
        if self.bus is not None:
            await self.bus.close()
        await self.outward.close()
        if self.retention is not None:
            await self.retention.close()
        await self.engine.close()


async def healthz(_: Request) -> Response:
    """200 as soon as requests are answered."""
    return answer({"status": "ok"})


async def date(request: Request) -> Response:
    """The server's clock; no key is asked, the Python SDK sends none."""
    server: Server = request.app.state.server
    return answer({"__type": "Date", "iso": iso(server.clock())})


async def route(request: Request) -> Response:
    """Where the WebSocket is: on the host that was asked, `ws` when asked over http and `wss` over https."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    scheme = "wss" if (forwarded or request.url.scheme) == "https" else "ws"
    url = f"{scheme}://{request.headers.get('host', request.url.netloc)}"
    return answer(
        {"server": url, "secondary": url, "ttl": ROUTE_TTL_SECONDS, "groupId": "g0", "groupUrl": url}
    )


ROUTES = [  # tried in turn: first those that are called most
    *conversation_routes.routes,
    *rest_messages.routes,
    Route("/healthz", healthz),
    Route("/v1/route", route),
    Route("/1.1/date", date),
    *users.routes,
    *uploads.routes,
    *classes.routes,
    *batch.routes,
    *broadcasts.routes,
    *subscribers.routes,
    *clients.routes,
    *restriction_routes.routes,
    *legacy.routes,
    *files.routes,
]
