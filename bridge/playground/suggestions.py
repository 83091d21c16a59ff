"""Menus that ask the app while the user types: block_suggestion, and the options that come back."""

import json
from typing import Any

from bridge.playground import payloads
from bridge.playground.actions import Slack
from bridge.playground.courier import Parcel
from bridge.playground.elements import OPTION, OPTION_GROUP
from bridge.playground.model import Ack, Json, Message, SlackError, View
from bridge.playground.schema import listing

MOST_OPTIONS = 100

_OPTIONS = listing(OPTION, MOST_OPTIONS)
_GROUPS = listing(OPTION_GROUP, MOST_OPTIONS)


async def suggest(
    slack: Slack, user: str, source: Message | View, place: tuple[str, str], query: str
) -> Json:
    """What the app offers for what was typed in the menu at `place` (block_id, action_id), to be chosen from then on.

    Returns the app's `options` or `option_groups`. Raises `SlackError` where the app gave none that Slack takes, and
    `LookupError` where there is no such menu.
    """
    block_id, action_id = place
    if not any((block, each["action_id"]) == place for block, each in source.elements):
        raise LookupError(f"no menu {action_id!r}")
    described = (
        payloads.of_view(slack, source) if isinstance(source, View) else payloads.of_message(slack, source)
    )
    payload = {
        **payloads.interaction(slack, "block_suggestion", slack.users[user], None),
        **described,
        "action_id": action_id,
        "block_id": block_id,
        "value": query,
    }
    offered = _offered(await slack.courier.send(Parcel("interactive", payload, answerable=True)))
    rows = [*offered.get("options", [])]
    for group in offered.get("option_groups", []):
        rows += group["options"]
    slack.suggested.setdefault(place, {}).update({row["value"]: row for row in rows})
    return offered


def _offered(ack: Ack) -> Json:
    try:
        said: Any = json.loads(ack.body or b"{}")
    except ValueError:
        raise SlackError("invalid_options") from None
    if not isinstance(said, dict) or not said.keys() & {"options", "option_groups"}:
        raise SlackError("invalid_options")
    name, rule = ("option_groups", _GROUPS) if "option_groups" in said else ("options", _OPTIONS)
    if faults := list(rule(said[name], f"/{name}")):
        raise SlackError("invalid_options", faults)
    return {name: said[name]}
