"""The composition root: the one file that knows every part; starts and stops them."""

import asyncio
import getpass
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

import handlers
from bridge import keys, logs
from bridge.audiences import Audiences
from bridge.authority import Authority
from bridge.clock import Clock, now_ms
from bridge.commands import Registry
from bridge.config import (
    STATE_FOLDER,
    AppSettings,
    serve_problems,
    service_problems,
)
from bridge.context import Defaults, Services, Tell
from bridge.conversations import Conversations
from bridge.database.engine import Database
from bridge.database.leases import TERM_MS, Lease
from bridge.database.ledger import Ledger
from bridge.database.posts import PostStore
from bridge.database.quotas import SharedMeter
from bridge.database.requests import Requests
from bridge.database.schedules import ScheduleStore
from bridge.delivery import Deliveries, Pace
from bridge.dispatch import Dispatcher
from bridge.errors import BadConfiguration
from bridge.identifiers import new_invocation_id
from bridge.invocation import TERMINAL, Actor, Invocation, Place, Standing, Trigger
from bridge.listen import bind, listening, told_to_stop
from bridge.locale import translation
from bridge.metrics import CONTENT_TYPE, Metrics
from bridge.moving.downloads import Rules
from bridge.moving.export import Summary
from bridge.moving.export import export as move_out
from bridge.moving.inward import Arrival, Outcome, Target, move_in
from bridge.outbox import Outbox, Poster
from bridge.phrases import phrase
from bridge.plans import client_plan, server_hooks, server_plan
from bridge.realtime.client import Credentials, RealtimeClient, open_http
from bridge.realtime.pacing import Meter, Pacer
from bridge.reply import Failure, Reply
from bridge.rulebook import policy_of
from bridge.schedule import Find, Schedule, Schedules
from bridge.server.app import Server
from bridge.server.settings import ServerSettings
from bridge.server.wire.socket import SERVING
from bridge.slack.door import SlackDoor
from bridge.slack.inbound import Inbound, Slack
from bridge.slack.letters import Letters
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.socket import socket_mode
from bridge.slack.web import SlackWeb

log = logging.getLogger(__name__)
DAY_MS = 86_400_000
EMBEDDED = "http://embedded"
"""The embedded server's address inside the process; nothing resolves it."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """The parts that every way of running shares."""

    services: Services
    dispatch: Dispatcher
    metrics: Metrics
    server: Server | None
    outbox: Outbox


@dataclass(frozen=True, slots=True)
class Timing:
    """What time it is, and how patient a process is: with the service, and with another that has fallen silent (ms)."""

    clock: Clock = now_ms
    pace: Pace = field(default_factory=Pace)
    lease_ms: int = TERM_MS


@asynccontextmanager
async def bridge(
    settings: AppSettings,
    poster: Poster,
    find: Find | None = None,
    folder: Path = STATE_FOLDER,
    timing: Timing = Timing(),
) -> AsyncIterator[Bridge]:
    """Everything between an invocation and the messaging service, open until the block ends.

    `poster` is how a schedule's result and a delivery taken over are told, `find` says who its owner is by now;
    `folder` holds what is kept in files.
    """
    registry = Registry.of(handlers.COMMANDS)
    policy = policy_of(settings, registry)
    async with AsyncExitStack() as parts:
        identity = identify(settings, folder)
        server = None
        if settings.embedded:
            url = database_url(settings, folder / "realtime.db")
            server = await parts.enter_async_context(embedded(settings, identity, url))
        database = await Database.open(database_url(settings, folder / "imbridge.db"))
        parts.push_async_callback(database.close)
        lease = Lease(database, new_invocation_id(), timing.clock, timing.lease_ms)
        await lease.start()
        parts.push_async_callback(lease.release)
        pacer = SharedMeter(database, client_plan(settings.realtime.plan), timing.clock)
        parts.push_async_callback(pacer.finish)
        realtime = await parts.enter_async_context(connect(settings, identity, server, pacer))
        ledger = Ledger(database, lease.name, timing.clock, holds=lease.holds)
        parts.push_async_callback(ledger.finish)
        letters = PostStore(database, lease.name, timing.clock)
        parts.push_async_callback(letters.finish)
        outbox = Outbox(letters, poster, timing.clock)

        async def say(place: Place, reply: Reply) -> None:
            await poster.post(place, poster.write(reply), again=False)

        async def dispatch(invocation: Invocation, tell: Tell) -> Reply:
            return await dispatcher(invocation, tell)

        conversations = Conversations(realtime, settings.realtime.aliases)
        audiences = Audiences(settings.lists, _read_text)
        services = Services(
            realtime=realtime,
            conversations=conversations,
            deliveries=Deliveries(ledger, realtime, timing.clock, timing.pace, say=say),
            schedules=Schedules(
                ScheduleStore(database, lease.name, timing.clock),
                dispatch,
                outbox.post,
                timing.clock,
                find=find,
            ),
            audiences=audiences,
            registry=registry,
            authority=Authority(policy, registry, conversations, audiences),
            defaults=Defaults(settings.realtime.sender, typed=settings.realtime.text == "typed"),
            clock=timing.clock,
        )
        metrics = Metrics()
        dispatcher = Dispatcher(services, Requests(database, timing.clock), metrics)
        yield Bridge(services, dispatcher, metrics, server, outbox)


@asynccontextmanager
async def on_duty(settings: AppSettings, core: Bridge) -> AsyncIterator[None]:
    """Rings schedules, takes over what ended processes have left and posts what is to be told, until the block ends."""
    services = core.services
    await services.schedules.start(_schedules(settings))
    duties = [
        asyncio.create_task(services.deliveries.take_over(core.outbox.post)),
        asyncio.create_task(core.outbox.work()),
    ]
    try:
        yield
    finally:
        for duty in duties:
            duty.cancel()
        await asyncio.wait(duties)
        await services.schedules.close()


def _schedules(settings: AppSettings) -> tuple[Schedule, ...]:
    team = settings.slack.team or ""
    return tuple(
        Schedule(each.name, each.when, each.tz, each.run, Place(team, each.channel), each.grace)
        for each in settings.schedules
    )


@asynccontextmanager
async def embedded(settings: AppSettings, identity: keys.Keys, url: str) -> AsyncIterator[Server]:
    """Our own messaging server, answering until the block ends."""
    kept = settings.retention.history
    server = await Server.start(
        ServerSettings(
            app_id=identity.app_id,
            app_key=identity.app_key,
            master_key=identity.master_key,
            database_url=url,
            plan=server_plan(settings.realtime.plan),
            files_folder=STATE_FOLDER / "files",
            hooks=server_hooks(settings.realtime.hooks),
            history_days=None if kept is None else kept / DAY_MS,
        )
    )
    try:
        yield server
    finally:
        await server.close()


def identify(settings: AppSettings, folder: Path) -> keys.Keys:
    """The app's id and keys: from the environment, and what is absent for our own server from its own folder."""
    given = settings.realtime
    app_key = given.app_key.get_secret_value() if given.app_key else None
    master_key = given.master_key.get_secret_value() if given.master_key else None
    if given.app_id and master_key and (app_key or not settings.embedded):
        return keys.Keys(given.app_id, app_key or "", master_key)
    if not settings.embedded:
        raise BadConfiguration(service_problems(settings))
    kept = keys.kept(folder)
    return keys.Keys(given.app_id or kept.app_id, app_key or kept.app_key, master_key or kept.master_key)


async def serve(settings: AppSettings, timing: Timing = Timing()) -> None:
    """Production: Slack's requests over Socket Mode or HTTP, schedules, and the figures, until told to stop."""
    if problems := serve_problems(settings):
        raise BadConfiguration(problems)
    start_logs(settings, STATE_FOLDER)
    async with AsyncExitStack() as parts:
        slack = await parts.enter_async_context(to_slack(settings))
        letters = Letters(slack.outbound)
        core = await parts.enter_async_context(bridge(settings, letters, slack.people.owner, timing=timing))
        inbound = await parts.enter_async_context(from_slack(settings, slack, core))
        routes = figures(core)
        if settings.slack.app_token is not None:
            token = settings.slack.app_token.get_secret_value()
            await parts.enter_async_context(socket_mode(inbound.app, token))
        elif settings.slack.signing_secret is not None:
            secret = settings.slack.signing_secret.get_secret_value()
            routes.insert(0, Route("/slack/events", SlackDoor(inbound.app, secret)))
        app = Starlette(routes=routes)
        front = bind(settings.host, settings.port)
        await parts.enter_async_context(listening(app, front))
        log.info("listening on %s", front.url)
        if core.server is not None and (listen := settings.realtime.listen) is not None:
            back = bind(listen.host, listen.port)
            await parts.enter_async_context(listening(core.server.asgi, back, **SERVING))
            log.info("the messaging server is listening on %s", back.url)
        await parts.enter_async_context(on_duty(settings, core))
        await told_to_stop()
        log.info("stopping")


async def realtime(settings: AppSettings, host: str, port: int, url: str | None) -> None:
    """The messaging server alone, until told to stop."""
    start_logs(settings, STATE_FOLDER)
    database = url or database_url(settings, STATE_FOLDER / "realtime.db")
    async with embedded(settings, identify(settings, STATE_FOLDER), database) as server:
        front = bind(host, port)
        async with listening(server.asgi, front, **SERVING):
            click.echo(f"listening on {front.url}")
            await told_to_stop()


async def export(settings: AppSettings, path: Path, rules: Rules) -> Summary:
    """Moves everything out of our own server; `bridge.moving.assembly` does so for the service."""
    start_logs(settings, STATE_FOLDER, logging.ERROR)
    identity = identify(settings, STATE_FOLDER)
    url = database_url(settings, STATE_FOLDER / "realtime.db")
    async with embedded(settings, identity, url) as server, connect(settings, identity, server) as client:
        return await move_out(path, identity.app_id, client, rules)


async def import_(
    settings: AppSettings, path: Path, url: str | None, arrival: Arrival, report: Callable[[str], None]
) -> Outcome:
    """Moves an export into our own server, whose id and keys are the environment's or those it has already."""
    start_logs(settings, STATE_FOLDER, logging.ERROR)
    identity = identify(settings, STATE_FOLDER)
    address = url or database_url(settings, STATE_FOLDER / "realtime.db")
    async with embedded(settings, identity, address) as server, connect(settings, identity, server) as client:
        target = Target(server.engine, client, STATE_FOLDER / "files", arrival.public_url.rstrip("/"))
        return await move_in(path, target, report, arrival.seed)


@asynccontextmanager
async def to_slack(settings: AppSettings) -> AsyncIterator[Slack]:
    """The way to Slack."""
    token = settings.slack.bot_token.get_secret_value() if settings.slack.bot_token else None
    web = SlackWeb(token, settings.slack.api_url)
    outbound = Outbound(web, settings.slack.locale, translation)
    people = People.of(settings, web, outbound)
    try:
        yield Slack(web, outbound, people)
    finally:
        await people.close()
        await web.close()


@asynccontextmanager
async def from_slack(settings: AppSettings, slack: Slack, core: Bridge) -> AsyncIterator[Inbound]:
    """The way from Slack; what it has begun is answered before the block has ended."""
    inbound = Inbound(core.dispatch, replace(slack, keep=core.outbox.post), settings.slack)
    try:
        yield inbound
    finally:
        await inbound.drain()


def figures(core: Bridge) -> list[Route]:
    """Whether it answers, whether it can work, and what it has counted."""

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
    start_logs(settings, STATE_FOLDER, logging.WARNING)
    async with bridge(settings, _Nowhere()) as parts:
        invocation = Invocation(
            id=new_invocation_id(),
            request=f"terminal:{new_invocation_id()}{new_invocation_id()}",
            actor=Actor(f"{TERMINAL}{actor or getpass.getuser()}", standing=Standing.KEEPER),
            place=Place(),
            trigger=Trigger.TERMINAL,
            at=now_ms(),
            words=tuple(words),
        )
        return await parts.dispatch(invocation, _untold)


async def _read_text(path: str) -> str:
    """A file's text in UTF-8, with or without the mark that some programs begin it with."""
    return await asyncio.to_thread(Path(path).read_text, encoding="utf-8-sig")


class _Nowhere:
    """A terminal rings no schedule and takes nothing over, so there is nothing to post."""

    def write(self, reply: Reply) -> str:
        raise AssertionError(reply.title)

    async def post(self, place: Place, letter: str, *, again: bool) -> None:
        raise AssertionError(letter)


async def _untold(_: Reply) -> None:
    """A terminal waits for the result and shows no progress."""


def misconfigured(error: BadConfiguration) -> Reply:
    """The reply that lists what is wrong with the configuration."""
    return Reply.of_failure(Failure("configuration", phrase("{problems}", problems=str(error))))


def start_logs(settings: AppSettings, folder: Path, level: int = logging.INFO) -> None:
    """Logs on standard error, without this deployment's secrets, kept ones included."""
    slack, identity = settings.slack, identify(settings, folder)
    given = (slack.bot_token, slack.signing_secret, slack.app_token, settings.realtime.hooks.key)
    tokens = [each.get_secret_value() for each in given if each]
    logs.start([*tokens, identity.app_key, identity.master_key], level)


@asynccontextmanager
async def connect(
    settings: AppSettings, identity: keys.Keys, server: Server | None, pacer: Pacer | None = None
) -> AsyncIterator[RealtimeClient]:
    """The client of the messaging service: the same whether it is in this process or far away."""
    if server is None:
        http = open_http(settings.realtime.api_server or EMBEDDED)
    else:
        http = httpx.AsyncClient(transport=within(server.asgi), base_url=EMBEDDED)
    credentials = Credentials(identity.app_id, identity.app_key, identity.master_key)
    async with http:
        yield RealtimeClient(http, credentials, pacer=pacer or Meter(client_plan(settings.realtime.plan)))


def within(application: ASGIApp) -> httpx.AsyncBaseTransport:
    """A way to an application in this process that fails as a remote one would."""
    return httpx.ASGITransport(application, raise_app_exceptions=False)


def database_url(settings: AppSettings, file: Path) -> str:
    """The database set for both halves, else a file of its own for each: SQLite has one writer at a time."""
    return settings.database_url or f"sqlite:///{file}"
