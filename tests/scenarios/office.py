"""An office that runs the whole bridge: people talk to it in Slack, and the app's users get what they send."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Route

import handlers
from bridge.approvals import Approvals
from bridge.audiences import Audiences
from bridge.authority import Authority
from bridge.background import Background
from bridge.clock import now_ms
from bridge.commands import Command, Registry
from bridge.config import AppSettings
from bridge.context import Context, Defaults, Services, Tell
from bridge.conversations import Conversations
from bridge.cron import Schedule
from bridge.database.audit import AuditLog
from bridge.database.engine import Database
from bridge.database.freezing import Freezing
from bridge.database.ledger import Ledger
from bridge.database.posts import PostStore
from bridge.database.proposals import ProposalStore
from bridge.database.requests import Requests
from bridge.database.schedules import ScheduleStore
from bridge.delivery import Deliveries, Pace
from bridge.dispatch import Dispatcher
from bridge.invocation import Invocation
from bridge.locale import translation
from bridge.lookup import Patience
from bridge.metrics import Metrics
from bridge.outbox import Outbox
from bridge.playground.model import App, Channel, Message, User
from bridge.playground.workspace import Workspace
from bridge.realtime.client import Credentials, Effort, Endpoint, RealtimeClient
from bridge.realtime.limits import BUSINESS, Plan
from bridge.realtime.pacing import Meter
from bridge.reply import Reply
from bridge.rulebook import policy_of
from bridge.schedule import Schedules
from bridge.server.app import Server
from bridge.server.control import Control, ShiftableClock
from bridge.server.faults import read_fault
from bridge.server.http import Parameters
from bridge.server.presence import Connection
from bridge.server.settings import ServerSettings
from bridge.server.tables import pushes
from bridge.slack.answer import Deadlines
from bridge.slack.door import SlackDoor
from bridge.slack.files import Files
from bridge.slack.home import Homes
from bridge.slack.inbound import Inbound, Slack
from bridge.slack.letters import Letters
from bridge.slack.modals import Forms
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.web import SlackWeb
from bridge.watch import Watches
from handlers.home import home
from tests.unit.playground.stage import SCOPES, serving

PEOPLE = {"mia": "U0MIA00001", "ben": "U0BEN00001", "gus": "U0GUS00001"}
"""Mia and Ben work here; Gus is a guest."""
OPS = "C0OPS00001"
TEAM = "T0TEAM0001"
CREDENTIALS = Credentials("office-app", "office-app-key", "office-master-key")
BOSS = Defaults(sender="boss")
"""Who speaks in announcements where nobody else is named."""
AT_ONCE = Pace(first_pause_ms=0, patience=Patience(settle_ms=0, first_pause_ms=0, unasked_ms=0))
"""Whatever a delivery would wait for has passed."""
UNHURRIED = Deadlines(ack_after=30, progress_after=60)
"""The acknowledgement carries the result, however slow the machine."""


@dataclass(frozen=True)
class Setup:
    """How one office differs from the usual one."""

    commands: Sequence[Command] = ()
    credentials: Credentials = CREDENTIALS
    defaults: Defaults = BOSS
    aliases: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...] | str] = field(default_factory=dict)
    schedules: Sequence[Schedule] = ()
    access: str | Mapping[str, object] | None = "open"
    plan: Plan = BUSINESS
    patience_seconds: float = 10.0
    window_ms: int = 0
    pace: Pace = AT_ONCE
    progress_after: float = 5.0
    progress_every: float = 2.0
    deadlines: Deadlines = UNHURRIED


class Line(httpx.AsyncBaseTransport):
    """The wire to the messaging service: `asked` are the calls that went over it; `cut` lets none through."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self.asked: list[str] = []
        self.cut: str | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = f"{request.method} {request.url.path}"
        if self.cut is not None and self.cut in call:
            raise httpx.ConnectError("nobody answers", request=request)
        self.asked.append(call)
        return await self._transport.handle_async_request(request)


class Office:
    """Everything that a dialogue touches. What was said last is what `heard` and `pressed` look behind."""

    def __init__(self, workspace: Workspace, inbound: Inbound, line: Line, control: Control) -> None:
        self.workspace = workspace
        self.inbound = inbound
        self.line = line
        self.control = control
        transport = httpx.ASGITransport(control.server.asgi)
        self.door = httpx.AsyncClient(
            transport=transport, base_url="http://service.test", headers=CREDENTIALS.headers()
        )
        self._speaker = ""
        self._since = 0

    # -- In Slack ------------------------------------------------------------------------------------------------

    async def says(self, person: str, channel: str, line: str, **how: bool) -> str:
        """Someone types a command; gives all that they see at once."""
        self._speaker, self._since = PEOPLE[person], self.workspace.position
        outcome = await self.workspace.command(self._speaker, channel, line, **how)
        assert outcome.error is None, outcome.error
        return outcome.text

    def begins(self, person: str) -> None:
        """What is heard from here on answers this person."""
        self._speaker, self._since = PEOPLE[person], self.workspace.position

    async def heard(self, *words: str, to_all: bool = True) -> Message:
        """The answer to what was said last holds all these words, and was for all, or for the speaker alone."""

        def fits(message: Message) -> bool:
            # The command itself stands in the channel too.
            spoken = message.user in PEOPLE.values()
            return not spoken and all(each in message.shown for each in words)

        message = await self.workspace.heard(fits, since=self._since)
        assert message.ephemeral_to == (None if to_all else self._speaker)
        return message

    async def presses(self, person: str, message: Message, label: str) -> None:
        """Someone presses the button that says this; whatever it does is done when this returns."""
        self._speaker, self._since = PEOPLE[person], self.workspace.position
        (action,) = [
            element["action_id"]
            for _, element in message.elements
            if element["type"] == "button" and element["text"]["text"] == label
        ]
        outcome = await self.workspace.press(self._speaker, message, action)
        assert outcome.error is None, outcome.error
        await self.inbound.drain()

    # -- At the messaging service --------------------------------------------------------------------------------

    async def asks(self, method: str, path: str, **body: object) -> Any:
        """The service's answer to a call with the master key; for GET and DELETE, `body` is the query."""
        if method in ("GET", "DELETE"):
            query = {key: each if isinstance(each, str) else json.dumps(each) for key, each in body.items()}
            answer = await self.door.request(method, path, params=query)
        else:
            answer = await self.door.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def conversation(self, name: str) -> dict[str, Any]:
        """The one conversation of this name."""
        found = await self.asks("GET", "/1.2/rtm/all-conversations", where={"name": name})
        (row,) = found["results"]
        return dict(row)

    async def id_of(self, name: str) -> str:
        """The id of the one conversation of this name."""
        return str((await self.conversation(name))["objectId"])

    async def rows(self, name: str) -> list[dict[str, Any]]:
        """What was sent to all in a conversation, oldest first, as the service keeps it."""
        query = {"convid": await self.id_of(name), "limit": 1000, "reversed": True}
        return list(await self.asks("GET", "/1.1/rtm/messages/history", **query))

    async def texts(self, name: str) -> list[str]:
        """What a reader of the conversation sees, oldest first."""
        return [shown(row["data"]) for row in await self.rows(name)]

    async def inbox(self, client: str, name: str) -> list[str]:
        """What a system conversation told one user, oldest first."""
        path = f"/1.2/rtm/service-conversations/{await self.id_of(name)}/subscribers/{client}/messages"
        return [shown(row["data"]) for row in await self.asks("GET", path, reversed=True)]

    def inject(self, kind: str, path: str = "*", **how: str | int) -> None:
        """Let the next calls of a path go wrong; see the control door of the server."""
        self.control.faults.add(read_fault(Parameters({"kind": kind, "path": path, **how}), kind))

    async def online(self, client: str) -> Connection:
        """A user's phone goes online; what comes to it waits to be read."""
        return await self.control.server.presence.connect(client, "phone")

    async def pushes(self) -> list[dict[str, Any]]:
        """The push data that the service has recorded for phones that are offline."""
        async with self.control.server.engine.read() as connection:
            found = await connection.execute(select(pushes.c.data).order_by(pushes.c.created_at))
            return [json.loads(row.data) for row in found]

    async def everything(self) -> object:
        """All that the service holds and anybody could see."""
        conversations = await self.asks("GET", "/1.2/rtm/all-conversations", limit=1000)
        found = []
        for row in conversations["results"]:
            query = {"convid": row["objectId"], "limit": 1000}
            found.append((row, await self.asks("GET", "/1.1/rtm/messages/history", **query)))
        return found

    @asynccontextmanager
    async def unchanged(self) -> AsyncIterator[None]:
        """Whatever happens within leaves the service as it was."""
        before = await self.everything()
        yield
        assert await self.everything() == before


def shown(data: str) -> str:
    """A message's text as a phone shows it."""
    try:
        body = json.loads(data)
    except ValueError:
        return data
    return str(body.get("_lctext", data)) if isinstance(body, dict) else data


@asynccontextmanager
async def opened(folder: Path, setup: Setup = Setup()) -> AsyncIterator[Office]:
    """An office with its own service, ledger and workspace, all in this process and this folder."""
    async with AsyncExitStack() as parts:
        clock = ShiftableClock()
        server = await Server.start(
            ServerSettings(
                app_id=CREDENTIALS.app_id,
                app_key=CREDENTIALS.app_key,
                master_key=CREDENTIALS.master_key,
                database_url=f"sqlite:///{folder}/realtime.db",
                clock=clock,
            )
        )
        parts.push_async_callback(server.close)
        control = Control(server, clock)
        line = Line(httpx.ASGITransport(control.asgi, raise_app_exceptions=False))
        door = httpx.ASGITransport(Starlette())
        app = App(request_url="http://bridge.test/slack/events", scopes=SCOPES)
        workspace = Workspace(app=app, transport=door)
        workspace.base_url = await parts.enter_async_context(serving(workspace.asgi))
        await parts.enter_async_context(workspace)
        _furnish(workspace)
        web = SlackWeb(app.bot_token, f"{workspace.base_url}/api/")
        parts.push_async_callback(web.close)
        settings = _settings(setup, app)
        outbound = Outbound(web, settings.slack.locale, translation)
        slack = Slack(web, outbound, People.of(settings, web, outbound))
        parts.push_async_callback(slack.people.close)
        services, dispatch = await _dispatch(parts, folder, setup, line, slack, settings)

        async def at_home(invocation: Invocation) -> Reply:
            return await home(Context.of(services, invocation, untold))

        homes = Homes(at_home, web, outbound, slack.people, sleep=hurried)
        slack = replace(slack, forms=Forms(services, web, outbound, slack.people), homes=homes)
        inbound = Inbound(dispatch, slack, settings.slack, deadlines=setup.deadlines)
        parts.push_async_callback(inbound.drain)
        door.app = Starlette(routes=[Route("/slack/events", SlackDoor(inbound.app, app.signing_secret))])
        office = Office(workspace, inbound, line, control)
        parts.push_async_callback(office.door.aclose)
        yield office


async def untold(_: Reply) -> None:
    """A Home shows no progress."""


async def hurried(_: float) -> None:
    """What has to wait goes on at once."""
    await asyncio.sleep(0)


def _settings(setup: Setup, app: App) -> AppSettings:
    """As app.yaml would say it."""
    written: dict[str, Any] = {
        "slack": {"bot_token": app.bot_token},
        "realtime": {"sender": setup.defaults.sender, "aliases": setup.aliases},
        "lists": setup.lists,
        "access": setup.access,
    }
    return AppSettings.model_validate(written)


async def _dispatch(
    parts: AsyncExitStack, folder: Path, setup: Setup, line: Line, slack: Slack, settings: AppSettings
) -> tuple[Services, Dispatcher]:
    service = await parts.enter_async_context(Endpoint("http://service.test", line))
    effort = Effort(exchange_seconds=setup.patience_seconds, read_backoff_seconds=0.0)
    realtime = RealtimeClient(service, setup.credentials, pacer=Meter(setup.plan), effort=effort)
    database = await Database.open(f"sqlite:///{folder}/imbridge.db")
    parts.push_async_callback(database.close)
    ledger = Ledger(database, "office")
    parts.push_async_callback(ledger.finish)

    async def read(path: str) -> str:
        return await asyncio.to_thread(Path(path).read_text, encoding="utf-8-sig")

    letters = Letters(slack.outbound)
    outbox = Outbox(PostStore(database, "office"), letters)
    posting = asyncio.create_task(outbox.work())
    parts.push_async_callback(_stopped, posting)
    watches = Watches(outbox.post, letters.show, setup.progress_after, setup.progress_every)

    async def dispatch(invocation: Invocation, tell: Tell) -> Reply:
        return await dispatcher(invocation, tell)

    schedules = Schedules(ScheduleStore(database, "office"), dispatch, watches.over, find=slack.people.owner)
    registry = Registry.of((*handlers.COMMANDS, *setup.commands))
    conversations, audiences = (
        Conversations(realtime, setup.aliases),
        Audiences(setup.lists, read, Files(slack.web).fetch),
    )
    authority = Authority(policy_of(settings, registry), registry, conversations, audiences)
    deliveries = Deliveries(ledger, realtime, pace=setup.pace)
    freezing = Freezing(database, ledger)
    audit = AuditLog(database, "office")
    parts.push_async_callback(audit.finish)
    approvals = Approvals(
        store=ProposalStore(database),
        ledger=ledger,
        deliveries=deliveries,
        authority=authority,
        registry=registry,
        background=Background(realtime, ledger, schedules, now_ms),
        freezer=freezing,
        dispatch=dispatch,
        find=slack.people.owner,
        post=outbox.post,
        clock=now_ms,
        window_ms=setup.window_ms,
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
        defaults=setup.defaults,
        clock=now_ms,
    )
    dispatcher = Dispatcher(services, Requests(database), Metrics())
    taking_over = asyncio.create_task(deliveries.take_over(watches.over))
    parts.push_async_callback(_stopped, taking_over)
    await schedules.start(setup.schedules)
    parts.push_async_callback(schedules.close)
    return services, dispatcher


async def _stopped(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _furnish(workspace: Workspace) -> None:
    for name, user_id in PEOPLE.items():
        workspace.add_user(User(user_id, name, locale="en-US", is_restricted=name == "gus"))
    members = frozenset({*PEOPLE.values(), workspace.app.user_id})
    workspace.add_channel(Channel(OPS, "ops", members=members))
