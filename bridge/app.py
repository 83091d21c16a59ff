"""The composition root: the one file that knows every part; starts and stops them."""

import getpass
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import handlers
from bridge import access, keys, logs
from bridge.clock import now_ms
from bridge.commands import Registry
from bridge.config import STATE_FOLDER, AppSettings, PlanSettings, serve_problems
from bridge.context import Defaults, Services
from bridge.conversations import Conversations
from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from bridge.database.requests import Requests
from bridge.delivery import Deliveries
from bridge.dispatch import Dispatcher
from bridge.errors import BadConfiguration
from bridge.identifiers import new_invocation_id
from bridge.invocation import Actor, Invocation, Place, Trigger
from bridge.listen import listening, told_to_stop
from bridge.locale import translation
from bridge.metrics import CONTENT_TYPE, Metrics
from bridge.phrases import phrase
from bridge.realtime.client import Credentials, RealtimeClient, open_http
from bridge.realtime.limits import plan_of
from bridge.realtime.pacing import Meter
from bridge.reply import Failure, Reply
from bridge.server.app import Server
from bridge.server.settings import BUSINESS, DEVELOPMENT, UNLIMITED, Plan, ServerSettings
from bridge.slack.door import SlackDoor
from bridge.slack.inbound import Inbound, Slack
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.socket import socket_mode
from bridge.slack.web import SlackWeb

log = logging.getLogger(__name__)
EMBEDDED = "http://embedded"
"""The embedded server's address inside the process; nothing resolves it."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """The parts that every way of running shares."""

    services: Services
    dispatch: Dispatcher
    metrics: Metrics
    server: Server | None


@asynccontextmanager
async def bridge(settings: AppSettings) -> AsyncIterator[Bridge]:
    """Everything between an invocation and the messaging service, open until the block ends."""
    async with AsyncExitStack() as parts:
        identity = identify(settings)
        server = await parts.enter_async_context(embedded(settings, identity)) if settings.embedded else None
        http = await parts.enter_async_context(_http(settings, server))
        credentials = Credentials(identity.app_id, identity.app_key, identity.master_key)
        realtime = RealtimeClient(http, credentials, pacer=Meter(plan_of(_client_plan(settings))))
        database = await Database.open(_database_url(settings, "imbridge.db"))
        parts.push_async_callback(database.close)
        ledger = Ledger(database, new_invocation_id())
        parts.push_async_callback(ledger.finish)
        services = Services(
            realtime=realtime,
            conversations=Conversations(realtime, settings.realtime.aliases),
            deliveries=Deliveries(ledger, realtime),
            registry=Registry.of(handlers.COMMANDS),
            defaults=Defaults(settings.realtime.sender, typed=settings.realtime.text == "typed"),
            clock=now_ms,
        )
        metrics = Metrics()
        policy = access.Policy.OPEN if settings.access == "open" else access.Policy.CLOSED
        yield Bridge(services, Dispatcher(services, policy, Requests(database), metrics), metrics, server)


@asynccontextmanager
async def embedded(
    settings: AppSettings, identity: keys.Keys, url: str | None = None
) -> AsyncIterator[Server]:
    """Our own messaging server, answering until the block ends."""
    server = await Server.start(
        ServerSettings(
            app_id=identity.app_id,
            app_key=identity.app_key,
            master_key=identity.master_key,
            database_url=url or _database_url(settings, "realtime.db"),
            plan=_server_plan(settings.realtime.plan),
        )
    )
    try:
        yield server
    finally:
        await server.close()


def identify(settings: AppSettings) -> keys.Keys:
    """The app's id and keys: from the environment, and what is absent for our own server from its own folder."""
    given = settings.realtime
    app_key = given.app_key.get_secret_value() if given.app_key else None
    master_key = given.master_key.get_secret_value() if given.master_key else None
    if given.app_id and master_key and (app_key or not settings.embedded):
        return keys.Keys(given.app_id, app_key or "", master_key)
    if not settings.embedded:
        raise BadConfiguration(serve_problems(settings))
    kept = keys.kept(STATE_FOLDER)
    return keys.Keys(given.app_id or kept.app_id, app_key or kept.app_key, master_key or kept.master_key)


async def serve(settings: AppSettings) -> None:
    """Production: Slack's requests over Socket Mode or HTTP, schedules, and the figures, until told to stop."""
    if problems := serve_problems(settings):
        raise BadConfiguration(problems)
    start_logs(settings)
    async with AsyncExitStack() as parts:
        core = await parts.enter_async_context(bridge(settings))
        inbound = await parts.enter_async_context(_slack(settings, core))
        routes = [*_figures(core)]
        if settings.slack.app_token is not None:
            token = settings.slack.app_token.get_secret_value()
            await parts.enter_async_context(socket_mode(inbound.app, token))
        elif settings.slack.signing_secret is not None:
            secret = settings.slack.signing_secret.get_secret_value()
            routes.append(Route("/slack/events", SlackDoor(inbound.app, secret)))
        url = await parts.enter_async_context(
            listening(Starlette(routes=routes), settings.host, settings.port)
        )
        log.info("listening on %s", url)
        if core.server is not None and (listen := settings.realtime.listen) is not None:
            shown = await parts.enter_async_context(listening(core.server.asgi, listen.host, listen.port))
            log.info("the messaging server is listening on %s", shown)
        await told_to_stop()
        log.info("stopping")


async def realtime(settings: AppSettings, host: str, port: int, database_url: str | None) -> None:
    """The messaging server alone, until told to stop."""
    start_logs(settings)
    async with (
        embedded(settings, identify(settings), database_url) as server,
        listening(server.asgi, host, port) as url,
    ):
        print(f"listening on {url}", flush=True)  # noqa: T201 - whoever started it waits for this line
        await told_to_stop()


@asynccontextmanager
async def _slack(settings: AppSettings, core: Bridge) -> AsyncIterator[Inbound]:
    """Slack's edge; what it has begun is answered before it closes."""
    token = settings.slack.bot_token.get_secret_value() if settings.slack.bot_token else None
    web = SlackWeb(token, settings.slack.api_url)
    outbound = Outbound(web, settings.slack.locale, translation)
    inbound = Inbound(core.dispatch, Slack(web, outbound, People(web)), settings.slack)
    try:
        yield inbound
    finally:
        await inbound.drain()
        await web.close()


def _figures(core: Bridge) -> list[Route]:
    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def ready(_: Request) -> Response:
        await core.services.deliveries.newest(1)
        return PlainTextResponse("ready")

    async def metrics(_: Request) -> Response:
        return Response(core.metrics.text(), media_type=CONTENT_TYPE)

    return [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]


async def run(settings: AppSettings, words: Sequence[str], actor: str | None) -> Reply:
    """One command from the terminal."""
    start_logs(settings, logging.WARNING)
    async with bridge(settings) as parts:
        invocation = Invocation(
            id=new_invocation_id(),
            request=f"terminal:{new_invocation_id()}{new_invocation_id()}",
            actor=Actor(f"terminal:{actor or getpass.getuser()}"),
            place=Place(),
            trigger=Trigger.TERMINAL,
            at=now_ms(),
            words=tuple(words),
        )
        return await parts.dispatch(invocation, _untold)


async def _untold(_: Reply) -> None:
    """A terminal waits for the result and shows no progress."""


def misconfigured(error: BadConfiguration) -> Reply:
    """The reply that lists what is wrong with the configuration."""
    return Reply.of_failure(Failure("configuration", phrase("{problems}", problems=str(error))))


def start_logs(settings: AppSettings, level: int = logging.INFO) -> None:
    """Logs on standard error, without this deployment's secrets."""
    identity = settings.realtime
    given = (
        settings.slack.bot_token,
        settings.slack.signing_secret,
        settings.slack.app_token,
        identity.app_key,
        identity.master_key,
    )
    logs.start((each.get_secret_value() for each in given if each), level)


@asynccontextmanager
async def _http(settings: AppSettings, server: Server | None) -> AsyncIterator[httpx.AsyncClient]:
    if server is not None:
        transport = httpx.ASGITransport(server.asgi, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=EMBEDDED) as http:
            yield http
        return
    async with open_http(settings.realtime.api_server or EMBEDDED) as http:
        yield http


def _database_url(settings: AppSettings, file: str) -> str:
    """The database set for both halves, else a file of its own for each: SQLite has one writer at a time."""
    return settings.database_url or f"sqlite:///{STATE_FOLDER / file}"


def _client_plan(settings: AppSettings) -> str | dict[str, int | None]:
    plan = settings.realtime.plan
    return plan if isinstance(plan, str) else plan.model_dump()


def _server_plan(plan: str | PlanSettings) -> Plan:
    if isinstance(plan, PlanSettings):
        return Plan(
            ordinary_per_minute=plan.messages_per_minute,
            subscription_per_minute=plan.subscriptions_per_minute,
            subscription_per_day=plan.subscriptions_per_day,
            broadcast_per_minute=plan.broadcasts_per_minute,
            broadcast_per_day=plan.broadcasts_per_day,
        )
    return {"business": BUSINESS, "development": DEVELOPMENT, "unlimited": UNLIMITED}[plan]
