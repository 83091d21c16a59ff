"""The composition root of the server: the one file that knows every part, and its literal route table."""

import logging
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
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
from bridge.server.engine import POSTGRESQL, Engine
from bridge.server.errors import METHOD_NOT_ALLOWED, PATH_NOT_FOUND, ServiceError
from bridge.server.http import ErrorBoundary, answer, failure
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
    """HTTP and WebSocket part here: the layers around HTTP would cost each open socket 5 KB and do nothing for it."""

    def __init__(self, http: ASGIApp, sockets: Sockets) -> None:
        self._http = http
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._sockets if scope["type"] == "websocket" else self._http
        await door(scope, receive, send)


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
        http = Starlette(
            routes=ROUTES,
            middleware=[
                Middleware(
                    CORSMiddleware,
                    allow_origins=["*"],
                    allow_methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
                    allow_headers=["*"],
                    expose_headers=["Location"],
                    max_age=86_400,
                ),
                Middleware(ErrorBoundary),
                Middleware(Departures),
                Middleware(uploads.Forms),
            ],
            exception_handlers={ServiceError: _refused, HTTPException: _unrouted},
        )
        http.state.server = self
        self.asgi: ASGIApp = FrontDoor(http, self.sockets)

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


async def _refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, ServiceError)  # noqa: S101 - registered for this type alone
    return failure(problem)


async def _unrouted(_: Request, problem: Exception) -> Response:
    status = getattr(problem, "status_code", 404)
    kind = METHOD_NOT_ALLOWED if status == METHOD_NOT_ALLOWED.status else PATH_NOT_FOUND
    return failure(kind())


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
