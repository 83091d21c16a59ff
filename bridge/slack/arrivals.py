"""Reads what Slack sends: which requests are ours to answer, who asks, where, and for what."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.invocation import Place, Trigger
from bridge.slack.asker import ResponseUrl
from bridge.slack.markup import meant
from bridge.slack.render import RUN_ACTION, SETTLE_ACTION

if TYPE_CHECKING:
    from bridge.slack.drafts import Draft

Body: TypeAlias = Mapping[str, Any]
"""A payload as Slack wrote it: a command's form, an interaction's or an event's JSON."""


MENTION, HOME_OPENED = "app_mention", "app_home_opened"
"""The events that we listen to."""
AT_BOT = re.compile(r"\s*<@[^>]*>[\s:：,，]*")
ENVELOPE, SIGNATURE = "x-slack-envelope-id", "x-slack-signature"
"""What tells a request that has no id of its own from others: over Socket Mode, and over HTTP."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A command line as it came; `teams` are where it was asked and, where Slack tells, the asker's own.

    `replaces` is the `ts` of the message whose place the answer takes, `thread` that of the one below which it goes;
    `draft` is the form that it was filled into.
    """

    user: str
    name: str
    teams: frozenset[str]
    place: Place
    trigger: Trigger
    request: str
    at: int
    line: str
    response_url: ResponseUrl | None
    replaces: str | None = None
    thread: str | None = None
    draft: "Draft | None" = None
    at_home: bool = False
    """It was pressed on the Home, which shows what comes of it."""


def read(body: Body, command: str, request: str, at: int, mark: str = "") -> Arrival | None:
    """The command or the press of a button that runs one, else None.

    `request` is its key; `at` is now, UTC milliseconds; `mark` stands before each `action_id` that counts.
    """
    if body.get("command") == command:
        return _slash(body, request, at)
    if body.get("type") == "block_actions":
        for action in body.get("actions") or ():
            name = str(action.get("action_id", ""))
            if name.startswith(f"{mark}{RUN_ACTION}"):
                return _press(body, {**action, "action_id": name.removeprefix(mark)}, request, at)
    event = event_of(body)
    if event.get("type") == MENTION and not mark and event.get("user") and not event.get("bot_id"):
        return _mention(body, event, request, at)
    return None


def key(body: Body, headers: Mapping[str, Sequence[str]]) -> str:
    """The same for a request and whenever that is delivered again, to whichever replica."""
    named = body.get("trigger_id") or body.get("event_id")
    carriers = (each for name in (ENVELOPE, SIGNATURE) for each in headers.get(name, ()))
    # Neither door lets one in that has no carrier; were it otherwise, it would be like no other.
    return str(named or next(carriers, None) or secrets.token_hex(16))


def teams(body: Body) -> frozenset[str]:
    """Every team that a payload names as its own: the workspace's and the person's."""
    team, user = body.get("team"), body.get("user")
    named = (
        body.get("team_id"),
        team.get("id") if isinstance(team, Mapping) else team,
        user.get("team_id") if isinstance(user, Mapping) else None,
    )
    return frozenset(str(each) for each in named if each)


def event_of(body: Body) -> Body:
    """The event that a payload tells; empty where it tells none."""
    event = body.get("event")
    return event if body.get("type") == "event_callback" and isinstance(event, Mapping) else {}


def team_of(body: Body) -> str:
    """The id of the workspace that a payload is about."""
    team = body.get("team")
    return str(body.get("team_id") or (team.get("id") if isinstance(team, Mapping) else team) or "")


def _slash(body: Body, request: str, at: int) -> Arrival:
    return Arrival(
        user=str(body.get("user_id", "")),
        name=str(body.get("user_name", "")),
        teams=teams(body),
        place=Place(str(body.get("team_id", "")), str(body.get("channel_id", ""))),
        trigger=Trigger.SLASH,
        request=request,
        at=at,
        line=meant(str(body.get("text", ""))),
        response_url=_response_url(body, at, ours=True),
    )


def _mention(body: Body, event: Body, request: str, at: int) -> Arrival:
    """What stands behind the bot's name; where that does not come first, whoever wrote it is told what there is."""
    named = AT_BOT.match(text := str(event.get("text", "")))
    home = {str(event.get(name) or "") for name in ("team", "user_team", "source_team")}
    return Arrival(
        user=str(event["user"]),
        name="",
        teams=teams(body) | (home - {""}),
        place=Place(team_of(body), str(event.get("channel", ""))),
        trigger=Trigger.MENTION,
        request=request,
        at=at,
        line=meant(text[named.end() :]) if named else "",
        response_url=None,
        thread=str(event.get("thread_ts") or "") or None,
    )


def _press(body: Body, action: Body, request: str, at: int) -> Arrival:
    user: Body = body.get("user") or {}
    channel: Body = body.get("channel") or {}
    team: Body = body.get("team") or {}
    container: Body = body.get("container") or {}
    who = str(user.get("id", ""))
    # A button outside any channel (the Home tab) is answered in the presser's direct message with the bot.
    where = str(channel.get("id") or container.get("channel_id") or who)
    return Arrival(
        user=who,
        name=str(user.get("username") or user.get("name") or ""),
        teams=teams(body),
        place=Place(str(team.get("id", "")), where),
        trigger=Trigger.BUTTON,
        request=request,
        at=at,
        line=str(action.get("value", "")),
        response_url=_response_url(body, at, ours=False),
        replaces=_settled(action, container),
        thread=_thread(container),
        at_home=(body.get("view") or {}).get("type") == "home",
    )


def _thread(container: Body) -> str | None:
    """The thread that a button stands in, where it stands below another message."""
    thread = str(container.get("thread_ts") or "")
    return thread if thread != str(container.get("message_ts") or "") and thread else None


def _settled(action: Body, container: Body) -> str | None:
    """The message whose question a button answers; what only one person sees can't be changed."""
    settles = str(action.get("action_id", "")).startswith(SETTLE_ACTION)
    if not settles or container.get("is_ephemeral"):
        return None
    return str(container.get("message_ts") or "") or None


def _response_url(body: Body, at: int, *, ours: bool) -> ResponseUrl | None:
    url = body.get("response_url")
    return ResponseUrl(str(url), at, ours) if url else None
