"""The composition root: the one file that knows every part; starts and stops them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
from starlette.applications import Starlette
from starlette.routing import Route

import handlers
from bridge import logs, terminal
from bridge.approvals import Approvals
from bridge.audiences import Audiences, Fetch
from bridge.authority import Authority, Drills
from bridge.background import Background
from bridge.clock import Clock, now_ms
from bridge.commands import Registry
from bridge.config import STATE_FOLDER, AppSettings, serve_problems
from bridge.context import Context, Defaults, Services, Tell
from bridge.conversations import Conversations
from bridge.database.audit import AuditLog
from bridge.database.engine import Database
from bridge.database.freezing import Freezing
from bridge.database.leases import TERM_MS, Lease
from bridge.database.ledger import Ledger
from bridge.database.posts import PostStore
from bridge.database.proposals import ProposalStore
from bridge.database.quotas import SharedMeter
from bridge.database.requests import Requests
from bridge.database.schedules import ScheduleStore
from bridge.delivery import Deliveries, Pace
from bridge.dispatch import Dispatcher
from bridge.drill import drilled, furnish
from bridge.errors import BadConfiguration
from bridge.figures import figures
from bridge.identifiers import new_invocation_id
from bridge.invocation import Invocation, Place
from bridge.listen import bind, listening, told_to_stop
from bridge.locale import translation
from bridge.messaging import connect, database_url, embedded, identify
from bridge.metrics import Metrics
from bridge.outbox import Outbox, Poster
from bridge.overview import Overview
from bridge.phrases import phrase
from bridge.plans import client_plan
from bridge.reply import Failure, Reply
from bridge.rulebook import policy_of
from bridge.schedule import Find, Schedule, Schedules, unfound
from bridge.server.app import Server
from bridge.server.wire.socket import SERVING
from bridge.slack.door import SlackDoor
from bridge.slack.files import Files
from bridge.slack.home import Homes
from bridge.slack.inbound import Inbound, Slack
from bridge.slack.letters import Letters
from bridge.slack.modals import Forms
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.socket import socket_mode
from bridge.slack.web import SlackWeb
from bridge.watch import Show, Watches
from handlers.home import home

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bridge:
    """The parts that every way of running shares."""

    services: Services
    dispatch: Dispatcher
    metrics: Metrics
    server: Server | None
    outbox: Outbox
    watches: Watches

    async def home(self, invocation: Invocation) -> Reply:
        """What somebody's Home says."""
        return await home(Context.of(self.services, invocation, _untold))


@dataclass(frozen=True, slots=True)
class Chat:
    """What is asked of Slack beside answering: to post, to show progress, who somebody is, what was uploaded."""

    poster: Poster
    show: Show
    find: Find
    fetch: Fetch

    @classmethod
    def of(cls, slack: Slack) -> "Chat":
        """As the workspace of `slack` has it."""
        letters = Letters(slack.outbound)
        return cls(letters, letters.show, slack.people.owner, Files(slack.web).fetch)


@dataclass(frozen=True, slots=True)
class Timing:
    """What time it is, and how patient a process is: with the service, and with another that has fallen silent (ms)."""

    clock: Clock = now_ms
    pace: Pace = field(default_factory=Pace)
    lease_ms: int = TERM_MS


@asynccontextmanager
async def bridge(
    settings: AppSettings,
    chat: Chat,
    folder: Path = STATE_FOLDER,
    timing: Timing = Timing(),
    drills: Drills | None = None,
) -> AsyncIterator[Bridge]:
    """Everything between an invocation and the messaging service, open until the block ends.

    `folder` holds what is kept in files; `drills` tells what people have tried where it reaches nobody.
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
        audit = AuditLog(database, lease.name, timing.clock)
        parts.push_async_callback(audit.finish)
        pacer = SharedMeter(database, client_plan(settings.realtime.plan), timing.clock)
        parts.push_async_callback(pacer.finish)
        realtime = await parts.enter_async_context(connect(settings, identity, server, pacer))
        ledger = Ledger(database, lease.name, timing.clock, holds=lease.holds)
        parts.push_async_callback(ledger.finish)
        letters = PostStore(database, lease.name, timing.clock)
        parts.push_async_callback(letters.finish)
        outbox = Outbox(letters, chat.poster, timing.clock)
        watches = Watches(outbox.post, chat.show)

        async def say(place: Place, reply: Reply) -> None:
            await chat.poster.post(place, chat.poster.write(reply), again=False)

        async def dispatch(invocation: Invocation, tell: Tell) -> Reply:
            return await dispatcher(invocation, tell)

        conversations = Conversations(realtime, settings.realtime.aliases)
        audiences = Audiences(settings.lists, _read_text, chat.fetch)
        authority = Authority(policy, registry, conversations, audiences, drills)
        deliveries = Deliveries(ledger, realtime, timing.clock, timing.pace, say=say)
        schedules = Schedules(
            ScheduleStore(database, lease.name, timing.clock),
            dispatch,
            watches.over,
            timing.clock,
            find=chat.find,
        )
        freezing = Freezing(database, ledger, timing.clock)
        await freezing.now()
        approvals = Approvals(
            store=ProposalStore(database, timing.clock),
            ledger=ledger,
            deliveries=deliveries,
            authority=authority,
            registry=registry,
            background=Background(realtime, ledger, schedules, timing.clock),
            freezer=freezing,
            dispatch=dispatch,
            find=chat.find,
            post=outbox.post,
            clock=timing.clock,
            window_ms=settings.safety_window,
        )
        services = Services(
            realtime=realtime,
            conversations=conversations,
            deliveries=deliveries,
            schedules=schedules,
            audiences=audiences,
            registry=registry,
            authority=authority,
            approvals=approvals,
            freezer=freezing,
            audit=audit,
            defaults=Defaults(
                settings.realtime.sender, typed=settings.realtime.text == "typed", people=settings.people
            ),
            clock=timing.clock,
        )
        metrics = Metrics(Overview(database, pacer, server, timing.clock))
        dispatcher = Dispatcher(services, Requests(database, timing.clock), metrics)
        yield Bridge(services, dispatcher, metrics, server, outbox, watches)


@asynccontextmanager
async def on_duty(settings: AppSettings, core: Bridge) -> AsyncIterator[None]:
    """Rings schedules, takes over what ended processes have left and posts what is to be told, until the block ends."""
    services = core.services
    await services.schedules.start(_schedules(settings))
    duties = [
        asyncio.create_task(services.deliveries.take_over(core.watches.over)),
        asyncio.create_task(core.outbox.work()),
        asyncio.create_task(services.approvals.watch()),
        asyncio.create_task(services.freezer.watch()),
        asyncio.create_task(services.audit.forget(settings.retention.bodies)),
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


async def serve(settings: AppSettings, timing: Timing = Timing()) -> None:
    """Production: Slack's requests over Socket Mode or HTTP, schedules, and the figures, until told to stop."""
    if problems := serve_problems(settings):
        raise BadConfiguration(problems)
    start_logs(settings, STATE_FOLDER)
    async with AsyncExitStack() as parts:
        slack = await parts.enter_async_context(to_slack(settings))
        drill = await parts.enter_async_context(drilling(settings, slack, timing)) if settings.drill else None
        passed = drill.services.deliveries.last_sent if drill else None
        core = await parts.enter_async_context(bridge(settings, Chat.of(slack), timing=timing, drills=passed))
        inbound = await parts.enter_async_context(from_slack(settings, slack, core, drill))
        routes = figures(core.services, core.metrics)
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
async def drilling(settings: AppSettings, slack: Slack, timing: Timing) -> AsyncIterator[Bridge]:
    """The whole road once more, over a server of its own that no user of the app knows, until the block ends."""
    world = drilled(settings)
    there = replace(slack, outbound=slack.outbound.in_drill())
    async with bridge(world, Chat.of(there), STATE_FOLDER / "drill", timing) as core:
        await furnish(core.services.realtime, settings.realtime.aliases)
        async with on_duty(world, core):
            yield core


@asynccontextmanager
async def from_slack(
    settings: AppSettings, slack: Slack, core: Bridge, drill: Bridge | None = None
) -> AsyncIterator[Inbound]:
    """The way from Slack; what it has begun is answered before the block has ended."""
    beside = None
    if drill is not None:
        apart = slack.outbound.in_drill()
        theirs = Forms(drill.services, slack.web, apart, slack.people)
        there = replace(slack, outbound=apart, keep=drill.outbox.post, forms=theirs)
        beside = Inbound(drill.dispatch, there, drilled(settings).slack)
    forms = Forms(core.services, slack.web, slack.outbound, slack.people)
    homes = Homes(core.home, slack.web, slack.outbound, slack.people)
    here = replace(slack, keep=core.outbox.post, forms=forms, homes=homes, drill=beside)
    inbound = Inbound(core.dispatch, here, settings.slack)
    try:
        yield inbound
    finally:
        await inbound.drain()
        if beside is not None:
            await beside.drain()


async def run(settings: AppSettings, words: Sequence[str], actor: str | None) -> Reply:
    """One command from the terminal."""
    start_logs(settings, STATE_FOLDER, logging.WARNING)
    async with to_slack(settings) as slack:
        # What it has to tell in Slack is kept for whoever serves; who is asking holds the keys to all there is.
        chat = replace(Chat.of(slack), find=unfound)
        async with bridge(settings, chat) as core:
            return await core.dispatch(terminal.invocation(words, actor), _untold)


async def _read_text(path: str) -> str:
    """A file's text in UTF-8, with or without the mark that some programs begin it with."""
    return await asyncio.to_thread(Path(path).read_text, encoding="utf-8-sig")


async def _untold(_: Reply) -> None:
    """A terminal waits for the result and shows no progress."""


def misconfigured(error: BadConfiguration) -> Reply:
    """The reply that lists what is wrong with the configuration."""
    return Reply.of_failure(Failure("configuration", phrase("{problems}", problems=str(error))))


def start_logs(settings: AppSettings, folder: Path, level: int = logging.INFO) -> None:
    """Logs on standard error, without this deployment's secrets, kept ones included."""
    identity = identify(settings, folder)
    logs.start((identity.app_key, identity.master_key), level)
