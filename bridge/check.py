"""`imbridge check`: everything that is wrong with the configuration and the connections, at once, changing nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import handlers
from bridge import logs
from bridge.clock import Clock, now_ms
from bridge.commands import Registry
from bridge.config import (
    STATE_FOLDER,
    AppSettings,
    Examined,
    PlanSettings,
    examine,
    serve_problems,
)
from bridge.cron import Schedule, fires_after
from bridge.database.audit import check as check_audit
from bridge.database.look import Tables, look
from bridge.errors import BadConfiguration, BridgeError, NotUnderstood, Problem
from bridge.grammar import split
from bridge.invocation import Place
from bridge.parse import understand
from bridge.phrases import plain
from bridge.realtime.client import Credentials, Effort, RealtimeClient, open_http
from bridge.realtime.errors import RealtimeError, Unauthorized
from bridge.rulebook import policy_of
from bridge.slack.manifest import OF_CHANNELS, OF_GROUPS, SCOPES, scopes
from bridge.slack.web import Introduction, SlackWeb
from bridge.values import Reading

T = TypeVar("T")

INDISPENSABLE = frozenset({"commands", "chat:write"})
"""Without these nothing works; without others, what they are for."""
ASKED_BY_RULES = frozenset({"users:read", *OF_GROUPS, *OF_CHANNELS})
"""Without these, whom a rule lets through is not known to be that."""
SKEW_NOTICED_MS = 3_000
"""How far the clocks of replicas may be apart (docs/reliability.md)."""
SKEW_HARMFUL_MS = 60_000
ONCE = Effort(read_attempts=1)
TOKEN_PAGE = "copy it anew from the app's page at api.slack.com"  # noqa: S105 - where tokens are found


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: where it is set, and what is wrong and how to mend it."""

    level: Level
    place: str
    words: str

    def __str__(self) -> str:
        return f"{self.level:<8} {self.place}: {self.words}"


async def everything(path: Path | None, *, audit: bool = False, clock: Clock = now_ms) -> tuple[Finding, ...]:
    """All findings, those of the configuration first; `path` None takes app.yaml where it exists.

    `audit`: also read the whole audit, and find whether it is as it was written.
    """
    logs.start(level=logging.CRITICAL)
    examined = examine(path)
    found = list(_wrong(examined.problems))
    if examined.settings is not None:
        found += configuration(examined, clock)
        if not any(each.level is Level.WRONG for each in found):
            found.append(Finding(Level.OK, "configuration", "every setting is known and can be meant"))
        looks = (
            database(examined.settings, audit=audit),
            slack(examined.settings, clock),
            service(examined.settings, clock),
        )
        for each in await asyncio.gather(*looks):
            found += each
    return tuple(found)


def _wrong(problems: Iterable[Problem]) -> Iterator[Finding]:
    return (Finding(Level.WRONG, each.place, each.message) for each in problems)


# -- The configuration -----------------------------------------------------------------------------------------------


def configuration(examined: Examined, clock: Clock) -> Iterator[Finding]:
    """What the settings mean beyond their form: rules, schedules, lists, and what is missing."""
    settings = examined.settings
    if settings is None:
        return
    places = [each.place for each in examined.problems]
    for problem in serve_problems(settings):
        # A source that gives nothing was named already.
        if not any(each.startswith(problem.place) for each in places):
            yield from _wrong((problem,))
    registry = Registry.of(handlers.COMMANDS)
    if not any(" access" in each for each in places):
        yield _access(settings, registry)
    yield from _schedules(settings, registry, clock())
    for name, listed in settings.lists.items():
        if isinstance(listed, str) and not Path(listed).is_file():
            place = settings.place(("lists", name))
            yield Finding(
                Level.WRONG, place, f"there is no file {listed}: write its path beside app.yaml's own"
            )


def _access(settings: AppSettings, registry: Registry) -> Finding:
    try:
        policy_of(settings, registry)
    except BadConfiguration as error:
        first, *more = error.problems
        words = "; ".join([first.message, *map(str, more)])
        return Finding(Level.WRONG, first.place, words)
    place = settings.place(("access",))
    if settings.access == "open":
        advice = "everyone in the workspace may do everything at once; write roles and rules (docs/access.md)"
        return Finding(Level.WARNING, place, f"open: {advice}")
    if settings.access is None:
        return Finding(Level.OK, place, "absent: members read, and confirm what else they do")
    return Finding(Level.OK, place, f"{len(settings.access.rules)} rules, and their examples come out")


def _schedules(settings: AppSettings, registry: Registry, now: int) -> Iterator[Finding]:
    for index, each in enumerate(settings.schedules):
        place = settings.place(("schedules", index, "run"))
        try:
            understand(split(each.run), registry, Reading(now, each.tz))
        except NotUnderstood as error:
            hint = f" {plain(error.hint)}" if error.hint else ""
            yield Finding(Level.WRONG, place, f"is no command line: {plain(error.message)}{hint}")
            continue
        schedule = Schedule(each.name, each.when, each.tz, each.run, Place("", each.channel), each.grace)
        if not any(islice(fires_after(schedule, now), 1)):
            when = settings.place(("schedules", index, "when"))
            yield Finding(Level.WARNING, when, f"{each.name} never fires again: its time has passed")
    if settings.schedules:
        yield Finding(Level.OK, settings.place(("schedules",)), f"{len(settings.schedules)} schedules")


# -- The database ----------------------------------------------------------------------------------------------------


async def database(settings: AppSettings, *, audit: bool) -> list[Finding]:
    """Whether it can be opened, what it is and how old its tables are; and whether its audit is whole."""
    given = settings.database_url
    url = given.get_secret_value() if given else f"sqlite:///{STATE_FOLDER / 'imbridge.db'}"
    try:
        seen = await look(url)
        found = [Finding(Level.OK, "database", f"{seen.name}: {seen.server}, tables {seen.tables.value}")]
        return [*found, *(await _audit(url, seen.tables) if audit else ())]
    except BadConfiguration as error:
        return list(_wrong(error.problems))


async def _audit(url: str, tables: Tables) -> list[Finding]:
    if tables is not Tables.CURRENT:
        return [Finding(Level.WARNING, "audit", "cannot be read before the first start of this version")]
    checked = await check_audit(url)
    level = Level.OK if checked.ok else Level.WRONG
    return [Finding(level, "audit", line) for line in checked.lines]


# -- Slack -----------------------------------------------------------------------------------------------------------


async def slack(settings: AppSettings, clock: Clock) -> list[Finding]:
    """Whether the tokens are taken, and whether they may do what the bridge does with them."""
    found: list[Finding] = []
    given = settings.slack
    if given.bot_token is not None:
        token = given.bot_token.get_secret_value()
        try:
            told = await _told(token, settings, SlackWeb.introduce)
        except BridgeError as error:
            found.append(_refused("SLACK_BOT_TOKEN", "xoxb-", error))
        else:
            found += [*_introduced(told, settings), *_skew("Slack", told.date, clock())]
    if given.app_token is not None:
        token = given.app_token.get_secret_value()
        try:
            await _told(token, settings, lambda web: web.call("apps.connections.open"))
        except BridgeError as error:
            found.append(_refused("SLACK_APP_TOKEN", "xapp-", error))
        else:
            found.append(
                Finding(Level.OK, "SLACK_APP_TOKEN", "Slack opens connections of Socket Mode for it")
            )
    elif given.signing_secret is not None:
        advice = "cannot be tried from here: Slack's first request shows whether it is right"
        found.append(Finding(Level.OK, "SLACK_SIGNING_SECRET", advice))
    return found


async def _told(token: str, settings: AppSettings, ask: Callable[[SlackWeb], Awaitable[T]]) -> T:
    web = SlackWeb(token, settings.slack.api_url)
    try:
        return await ask(web)
    finally:
        await web.close()


def _refused(name: str, beginning: str, error: BridgeError) -> Finding:
    if error.code in ("not_reached", "unknown"):
        words = f"{error.message} Look at the network, at proxies and at SLACK_API_URL"
        return Finding(Level.WRONG, "Slack", words)
    return Finding(
        Level.WRONG, name, f"Slack refuses it ({error.code}): it begins with {beginning}; {TOKEN_PAGE}"
    )


def _introduced(told: Introduction, settings: AppSettings) -> Iterator[Finding]:
    team = str(told.identity.get("team_id", ""))
    name = told.identity.get("team", "")
    if settings.slack.team not in (None, team):
        place = settings.place(("slack", "team"))
        words = (
            f"{settings.slack.team} is not the token's workspace, which is {team} ({name}): one must change"
        )
        yield Finding(Level.WRONG, place, words)
    else:
        words = f"Slack takes it: {told.identity.get('user', '')} in {name} ({team})"
        yield Finding(Level.OK, "SLACK_BOT_TOKEN", words)
    if told.scopes is None:
        yield Finding(Level.WARNING, "SLACK_BOT_TOKEN", "Slack did not say which scopes it has")
        return
    yield from _granted(told.scopes, scopes(settings.access), settings)


def _granted(granted: Collection[str], wanted: Collection[str], settings: AppSettings) -> Iterator[Finding]:
    purposes = {**SCOPES, **OF_GROUPS, **OF_CHANNELS}
    needed = INDISPENSABLE if settings.access == "open" else INDISPENSABLE | ASKED_BY_RULES
    mend = "print the manifest with `imbridge manifest`, put it into the app, and install the app again"
    for scope in wanted:
        if scope not in granted:
            level = Level.WRONG if scope in needed else Level.WARNING
            words = f"lacks the scope {scope}, for {purposes[scope]}: {mend}"
            yield Finding(level, "SLACK_BOT_TOKEN", words)
    if more := sorted(set(granted) - set(wanted) - {"", "identify"}):
        words = f"has scopes that nothing here uses: {', '.join(more)}; take them out of the app"
        yield Finding(Level.WARNING, "SLACK_BOT_TOKEN", words)
    if not set(wanted) - set(granted):
        yield Finding(Level.OK, "SLACK_BOT_TOKEN", f"has the {len(wanted)} scopes that are needed")


# -- The messaging service -------------------------------------------------------------------------------------------


async def service(settings: AppSettings, clock: Clock) -> list[Finding]:
    """Whether it answers the master key, and how fast its plan is said to be."""
    given = settings.realtime
    found = [_plan(settings)]
    if given.api_server is None:
        words = "LEANCLOUD_API_SERVER is absent: our own server, inside this process"
        return [Finding(Level.OK, "messaging service", words), *found]
    if given.app_id is None or given.master_key is None:
        return found
    credentials = Credentials(
        given.app_id,
        given.app_key.get_secret_value() if given.app_key else "",
        given.master_key.get_secret_value(),
    )
    async with open_http(given.api_server) as endpoint:
        noting: Any = _Noting(endpoint.transport)
        client = RealtimeClient(replace(endpoint, transport=noting), credentials, effort=ONCE)
        try:
            # Only the master key may look through all conversations.
            await client.find_conversations(limit=1)
        except Unauthorized as error:
            words = f"the service does not take it together with LEANCLOUD_APP_ID: {error}; copy both from its console"
            found.append(Finding(Level.WRONG, "LEANCLOUD_MASTER_KEY", words))
        except RealtimeError as error:
            words = f"{given.api_server} gave no answer that can be used: {error}; look at the address and the network"
            found.append(Finding(Level.WRONG, "LEANCLOUD_API_SERVER", words))
        else:
            words = f"{given.api_server} answers the master key"
            found.append(Finding(Level.OK, "messaging service", words))
    return [*found, *_skew("the messaging service", noting.date, clock())]


class _Noting:
    """Carries requests as another transport of httpx does, and keeps what time it was at the other end."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.date = ""

    async def handle_async_request(self, request: Any) -> Any:
        response = await self._transport.handle_async_request(request)
        self.date = response.headers.get("date", "")
        return response


def _plan(settings: AppSettings) -> Finding:
    plan = settings.realtime.plan
    name = "the figures written here" if isinstance(plan, PlanSettings) else plan
    words = f"{name}: compare with the console, for calls are paced by it and the service does not tell"
    return Finding(Level.OK, settings.place(("realtime", "plan")), words)


def _skew(whose: str, date: str, now: int) -> Iterator[Finding]:
    """How far our clock is from the one in a `Date` header, which has whole seconds."""
    try:
        theirs = int(parsedate_to_datetime(date).timestamp() * 1000)
    except ValueError:
        return
    apart = now - theirs
    seconds = f"{abs(apart) / 1000:.0f} s {'ahead of' if apart > 0 else 'behind'} that of {whose}"
    if abs(apart) > SKEW_HARMFUL_MS:
        words = f"is {seconds}: signatures fail and schedules fire at other times; set it by NTP"
        yield Finding(Level.WRONG, "this machine's clock", words)
    elif abs(apart) > SKEW_NOTICED_MS:
        yield Finding(Level.WARNING, "this machine's clock", f"is {seconds}; set it by NTP")
