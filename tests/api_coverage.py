"""Writes docs/api-coverage.md: each documented REST call, its method, its command, and where our server answers it.

`python -m tests.api_coverage` after a change to any of them.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from starlette.routing import Match

from bridge.realtime.client import RealtimeClient
from bridge.server.app import ROUTES
from bridge.server.paths import with_whole_segments
from tests.unit.realtime.documented import TABLES, V1
from tests.unit.realtime.documented_conversations import Row

PAGE = Path(__file__).parents[1] / "docs" / "api-coverage.md"

COMMANDS: dict[str, tuple[str, ...]] = {
    "create_conversation": ("conv create",),
    "find_conversations": ("conv list", "conv show"),
    "update_conversation": ("conv set",),
    "delete_conversation": ("conv delete",),
    "add_members": ("member add",),
    "remove_members": ("member remove",),
    "members": ("member list",),
    "mute": ("mute add",),
    "unmute": ("mute remove",),
    "muted": ("mute list",),
    "online_count": ("conv show",),
    "send": ("send",),
    "history": ("history",),
    "edit_message": ("message edit",),
    "recall_message": ("message recall",),
    "delete_message": ("message delete",),
    "subscribe": ("subscriber add",),
    "unsubscribe": ("subscriber remove",),
    "subscribers": ("subscriber list",),
    "subscriber_count": ("subscriber count",),
    "publish": ("publish",),
    "send_to_clients": ("notify",),
    "online": ("client show",),
    "unread_count": ("client show",),
    "subscriptions": ("client show",),
    "kick": ("client kick",),
    "stats": ("stats",),
    "broadcast": ("broadcast",),
    "broadcasts": ("broadcasts list",),
    "edit_broadcast": ("broadcasts edit",),
    "delete_broadcast": ("broadcasts delete",),
}
"""Which commands make use of a method."""

MODERATION = "moderation belongs to the app: for programs"
WITHOUT_COMMAND: dict[str, str] = {
    "sign_client": "an app's own login: for programs",
    "upstream_messages": "what users say to a service: for programs",
    "scan": "whole classes: for programs",
    **dict.fromkeys(
        (
            *(
                "silence_for",
                "end_silence",
                "silence",
                "unsilence",
                "silenced",
                "block",
                "unblock",
                "blocked",
            ),
            *("refuse_conversation", "accept_conversation", "refused_conversations"),
            *("add_member_info", "update_member_info", "delete_member_info", "member_infos"),
        ),
        MODERATION,
    ),
}
"""Why nobody types these."""

PLACES = (
    (r"(conversations|chatrooms)/C\b", r"\1/{id}"),
    (r"(messages|broadcasts)/M\b", r"\1/{mid}"),
    (r"(subscribers|clients)/a(%2Fb)?(?=/|$)", r"\1/{client}"),
    (r"member-infos/I\b", "member-infos/{info}"),
)
"""The samples' ids, as the documentation names their places."""


def page() -> str:
    """The whole document."""
    return "\n".join(_lines())


def method_of(row: Row) -> str:
    """The client's method that a row of the tables calls."""
    (name,) = [each for each in row[1].__code__.co_names if hasattr(RealtimeClient, each)]
    return str(name)


def server_module(row: Row) -> str | None:
    """The module of our server that answers a row's call; None: it has no such route."""
    method, _, address = row[0].partition(" ")
    path = address.partition("?")[0]
    asked = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": ""}
    scope = with_whole_segments(asked)
    for route in ROUTES:
        if route.matches(scope)[0] is Match.FULL:
            return str(route.endpoint.__module__)
    return None


def rows() -> list[Row]:
    """Every documented call."""
    return [row for table, _ in TABLES.values() for row in table] + V1


def _lines() -> Iterator[str]:
    yield "# The messaging API, call by call"
    yield ""
    yield "Each call that the documentation of REST 1.2 lists, and the older ones that have no successor there: the"
    yield "method of our client (`bridge/realtime/`) that makes it, the command that people type for it, and the module"
    yield "of our server that answers it. `python -m tests.api_coverage` writes this page; a test compares it."
    for title, (table, _) in TABLES.items():
        yield from _section(title.capitalize(), table)
    yield from _section("REST 1.1, where 1.2 has no call", V1)
    yield ""


def _section(title: str, table: Sequence[Row]) -> Iterator[str]:
    yield from ("", f"## {title}", "", "| call | client | command | server |", "|---|---|---|---|")
    for row in table:
        method = method_of(row)
        typed = ", ".join(f"`{each}`" for each in COMMANDS.get(method, ())) or WITHOUT_COMMAND[method]
        module = server_module(row)
        answered = f"`{module.removeprefix('bridge.')}`" if module else "**none**"
        yield f"| {_call(row)} | `{method}` | {typed} | {answered} |"


def _call(row: Row) -> str:
    method, _, address = row[0].partition(" ")
    path = address.partition("?")[0]
    for sample, place in PLACES:
        path = re.sub(sample, place, path)
    clients = isinstance(row[2], dict) and "to_clients" in row[2]
    return f"`{method} {path}`" + (" with `to_clients`" if clients else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
