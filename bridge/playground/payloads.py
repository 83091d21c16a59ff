"""The payloads that Slack sends to an app: commands, interactions, submissions and events."""

import re
from collections.abc import Mapping
from typing import Any

from bridge.playground.chat_methods import message_json
from bridge.playground.model import Channel, Json, Message, TriggerId, User, View
from bridge.playground.state import State
from bridge.playground.view_methods import view_json

_SELECTED = {
    "static_select": "option",
    "external_select": "option",
    "radio_buttons": "option",
    "multi_static_select": "options",
    "multi_external_select": "options",
    "checkboxes": "options",
    "users_select": "user",
    "multi_users_select": "users",
    "channels_select": "channel",
    "multi_channels_select": "channels",
    "conversations_select": "conversation",
    "multi_conversations_select": "conversations",
    "datepicker": "date",
    "timepicker": "time",
    "datetimepicker": "date_time",
    "overflow": "option",
}
_TYPED = {"plain_text_input", "email_text_input", "url_text_input", "number_input"}
_STATEFUL = ({*_SELECTED, *_TYPED} - {"overflow"}) | {"rich_text_input", "file_input"}
_NAME = re.compile(r"(?<![\w&/])[@#][\w.-]+")
_LINK = re.compile(r"\bhttps?://[^\s<>]+")


def typed(text: str, *, smart: bool = False, entities: Mapping[str, str] | None = None) -> str:
    """Text as Slack hands on what a user typed: escaped, and typographic in its quotes and dashes if `smart`.

    `entities` gives what "escape channels, users and links" makes of `@name` and `#name`; links then get brackets.
    """
    if smart:
        text = re.sub(r'(^|[\s(=])"', r"\1“", text).replace('"', "”")
        text = re.sub(r"(^|[\s(=])'", r"\1‘", text).replace("'", "’").replace("--", "—")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if entities is None:
        return text
    text = _NAME.sub(lambda found: entities.get(found[0], found[0]), text)
    return _LINK.sub(lambda found: f"<{found[0]}>", text)


def entities(state: State) -> dict[str, str]:
    """What Slack writes for each `@name` and `#name` of the workspace."""
    users = {f"@{user.name}": f"<@{user.id}|{user.name}>" for user in state.users.values()}
    channels = {f"#{each.name}": f"<#{each.id}|{each.name}>" for each in state.channels.values()}
    return users | channels


def command_form(
    state: State, user: User, channel: Channel, line: tuple[str, str], urls: tuple[str, str]
) -> Json:
    """A slash command's form; `line` is the command and its text, `urls` the response_url and the trigger_id."""
    names = {"public": channel.name, "private": "privategroup", "direct": "directmessage"}
    form: Json = {
        "token": state.app.verification_token,
        "team_id": user.team_id,
        "team_domain": state.team.domain if user.team_id == state.team.id else "elsewhere",
    }
    if state.team.enterprise_id:
        form |= {"enterprise_id": state.team.enterprise_id, "enterprise_name": state.team.enterprise_name}
    return {
        **form,
        "channel_id": channel.id,
        "channel_name": names[channel.kind],
        "user_id": user.id,
        "user_name": user.name,
        "command": line[0],
        "text": line[1],
        "api_app_id": state.app.id,
        "is_enterprise_install": "false",
        "response_url": urls[0],
        "trigger_id": urls[1],
    }


def interaction(state: State, kind: str, user: User, trigger: TriggerId | None) -> Json:
    """What all interactions have in common."""
    enterprise = {"id": state.team.enterprise_id, "name": state.team.enterprise_name}
    payload: Json = {
        "type": kind,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": state.app.id,
        "token": state.app.verification_token,
        "team": {"id": state.team.id, "domain": state.team.domain},
        "enterprise": enterprise if state.team.enterprise_id else None,
        "is_enterprise_install": False,
    }
    return {**payload, "trigger_id": trigger.id} if trigger else payload


def of_message(state: State, message: Message) -> Json:
    """The source of an interaction with a message; an ephemeral one is not sent along."""
    channel = state.channels[message.channel]
    source: Json = {
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": message.ephemeral_to is not None,
        },
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": values(message.elements, message.inputs)},
    }
    if message.thread_ts:
        source["container"]["thread_ts"] = message.thread_ts
    if not message.ephemeral_to:
        source["message"] = message_json(state, message)
    return source


def of_view(state: State, view: View) -> Json:
    """The source of an interaction with a modal or Home tab."""
    described = {**view_json(state, view), "state": {"values": values(view.elements, view.inputs)}}
    return {"container": {"type": "view", "view_id": view.id}, "view": described}


def action(block_id: str, element: Json, chosen: Json, ts: str) -> Json:
    """One entry of `actions`."""
    entry: Json = {"type": element["type"], "action_id": element["action_id"], "block_id": block_id}
    for name in ("text", "value", "style", "placeholder"):
        if name in element:
            entry[name] = element[name]
    return {**entry, **chosen, "action_ts": ts}


def chosen(element: Json, value: Any) -> Json:
    """What a user's choice looks like in a payload: an option by its value, several by theirs, or what was typed.

    Raises `LookupError` for what the element doesn't offer and `ValueError` for what it doesn't let the user enter.
    """
    kind = element["type"]
    if kind in _TYPED:
        return {"type": kind, "value": _entered(element, value)}
    if kind == "rich_text_input":
        return {"type": kind, "rich_text_value": value}
    if kind == "file_input":
        return {"type": kind, "files": value}
    if kind not in _SELECTED:
        return {}
    field = _SELECTED[kind]
    if field == "option":
        value = None if value is None else _option(element, value)
    elif field == "options":
        value = [_option(element, each) for each in value]
    return {"type": kind, f"selected_{field}": value}


def values(elements: list[tuple[str, Json]], inputs: Json) -> Json:
    """`state.values`: what stands in every input element, chosen or initial."""
    found: Json = {}
    for block_id, element in elements:
        kind = element["type"]
        if kind not in _STATEFUL:
            continue
        entry = inputs.get(block_id, {}).get(element["action_id"]) or _initial(element)
        found.setdefault(block_id, {})[element["action_id"]] = entry
    return found


def initial_options(element: Json) -> dict[str, Json]:
    """The options that an element begins with, by their values."""
    initial = (
        [element["initial_option"]] if "initial_option" in element else element.get("initial_options", [])
    )
    return {option["value"]: option for option in initial}


def unfilled(view: View) -> list[str]:
    """The action ids of required inputs in which nothing stands."""
    filled = values(view.elements, view.inputs)
    missing = []
    for block in view.body["blocks"]:
        if block["type"] == "input" and not block.get("optional"):
            action_id = block["element"]["action_id"]
            entry = filled.get(block["block_id"], {}).get(action_id, {})
            if not any(value for name, value in entry.items() if name != "type"):
                missing.append(action_id)
    return missing


def event(state: State, body: Json, user: User) -> Json:
    """An event in its wrapper."""
    now = state.now()
    return {
        "token": state.app.verification_token,
        "team_id": state.team.id,
        "context_team_id": state.team.id,
        "context_enterprise_id": state.team.enterprise_id or None,
        "api_app_id": state.app.id,
        "event": {**body, "user": user.id, "event_ts": state.new_ts()},
        "type": "event_callback",
        "event_id": state.new_id("Ev"),
        "event_time": now // 1000,
        "authorizations": [
            {
                "enterprise_id": state.team.enterprise_id or None,
                "team_id": state.team.id,
                "user_id": state.app.user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }


def _initial(element: Json) -> Json:
    kind = element["type"]
    if kind in _TYPED:
        return {"type": kind, "value": element.get("initial_value")}
    if kind == "rich_text_input":
        return {"type": kind, "rich_text_value": element.get("initial_value")}
    if kind == "file_input":
        return {"type": kind, "files": []}
    field = _SELECTED[kind]
    empty: list[str] | None = [] if field.endswith("s") else None
    return {"type": kind, f"selected_{field}": element.get(f"initial_{field}", empty)}


def _option(element: Json, value: str) -> Json:
    options: list[Json] = list(element.get("options", []))
    for group in element.get("option_groups", []):
        options += group["options"]
    for option in options:
        if option.get("value") == value:
            return option
    raise LookupError(f"{value!r} is not offered; there is {[option.get('value') for option in options]}")


def _entered(element: Json, value: Any) -> str | None:
    if value in (None, ""):
        return None
    text = str(value)
    if not element.get("min_length", 0) <= len(text) <= element.get("max_length", 3000):
        raise ValueError(f"{element['action_id']} does not take {len(text)} characters")
    return text
