"""Reads what Slack sends: which requests are ours to answer, who asks, where, and for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from bridge.invocation import Place, Trigger
from bridge.slack.asker import ResponseUrl
from bridge.slack.markup import meant
from bridge.slack.render import RUN_ACTION

Body: TypeAlias = Mapping[str, Any]
"""A payload as Slack wrote it: a command's form, an interaction's or an event's JSON."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A command line as it came; `teams` are where it was asked and, where Slack tells, the asker's own."""

    user: str
    name: str
    teams: frozenset[str]
    place: Place
    trigger: Trigger
    request: str
    at: int
    line: str
    response_url: ResponseUrl | None


def read(body: Body, command: str, request: str, at: int) -> Arrival | None:
    """The command or the press of a button that runs one, else None.

    `request` stands in where Slack gives no trigger id; `at` is now, UTC milliseconds.
    """
    if body.get("command") == command:
        return _slash(body, request, at)
    if body.get("type") == "block_actions":
        for action in body.get("actions") or ():
            if str(action.get("action_id", "")).startswith(RUN_ACTION):
                return _press(body, str(action.get("value", "")), request, at)
    return None


def teams(body: Body) -> frozenset[str]:
    """Every team that a payload names as its own: the workspace's and the person's."""
    team, user = body.get("team"), body.get("user")
    named = (
        body.get("team_id"),
        team.get("id") if isinstance(team, Mapping) else team,
        user.get("team_id") if isinstance(user, Mapping) else None,
    )
    return frozenset(str(each) for each in named if each)


def _slash(body: Body, request: str, at: int) -> Arrival:
    return Arrival(
        user=str(body.get("user_id", "")),
        name=str(body.get("user_name", "")),
        teams=teams(body),
        place=Place(str(body.get("team_id", "")), str(body.get("channel_id", ""))),
        trigger=Trigger.SLASH,
        request=str(body.get("trigger_id") or request),
        at=at,
        line=meant(str(body.get("text", ""))),
        response_url=_response_url(body, at, ours=True),
    )


def _press(body: Body, line: str, request: str, at: int) -> Arrival:
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
        request=str(body.get("trigger_id") or request),
        at=at,
        line=line,
        response_url=_response_url(body, at, ours=False),
    )


def _response_url(body: Body, at: int, *, ours: bool) -> ResponseUrl | None:
    url = body.get("response_url")
    return ResponseUrl(str(url), at, ours) if url else None
