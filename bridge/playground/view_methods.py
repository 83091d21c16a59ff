"""The Web API's methods for modals and the Home tab: views.*."""

import json
import secrets
from dataclasses import replace
from typing import Any

from bridge.playground.blocks import view_faults
from bridge.playground.lookup_methods import need
from bridge.playground.model import Json, SlackError, TriggerId, View
from bridge.playground.state import State

TRIGGER_MS = 3_000
DEPTH = 3


def views_open(state: State, args: Json) -> Json:
    """A modal before the user whose action gave the trigger."""
    trigger_id, _ = need(args, "trigger_id", "view")
    body = read_view(state, args["view"], "modal")
    trigger = _spend(state, trigger_id)
    for view in state.stack(trigger.user):
        state.close_view(view)
    return {"view": view_json(state, state.put_view(_fresh(state, trigger, body)))}


def views_push(state: State, args: Json) -> Json:
    """A modal on top of the one whose element was used."""
    trigger_id, _ = need(args, "trigger_id", "view")
    body = read_view(state, args["view"], "modal")
    trigger = _spend(state, trigger_id)
    return {"view": view_json(state, push(state, trigger.user, trigger.view, body))}


def views_update(state: State, args: Json) -> Json:
    """Another version of a view, if the hash is still the one that the app saw."""
    need(args, "view")
    view = _find(state, args)
    if args.get("hash") and args["hash"] != view.hash:
        raise SlackError("hash_conflict")
    body = read_view(state, args["view"], view.body["type"], but=view)
    return {"view": view_json(state, state.put_view(new_version(view, body)))}


def views_publish(state: State, args: Json) -> Json:
    """A user's Home tab."""
    user, _ = need(args, "user_id", "view")
    if user not in state.users:
        raise SlackError("user_not_found")
    body = read_view(state, args["view"], "home")
    old = state.homes.get(user)
    if old and args.get("hash") and args["hash"] != old.hash:
        raise SlackError("hash_conflict")
    view_id = old.id if old else state.new_id("V")
    return {"view": view_json(state, state.put_view(View(view_id, user, body, _hash(), view_id)))}


def read_view(state: State, value: Any, kind: str, but: View | None = None) -> Json:
    """A view's body as the app sent it. Raises `invalid_arguments` with pointers for what Slack refuses."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise SlackError("invalid_arguments", ["failed to parse JSON [json-pointer:/view]"]) from None
    faults = view_faults(value)
    if not faults and value["type"] != kind:
        faults = ["must be a valid enum value [json-pointer:/view/type]"]
    if faults:
        raise SlackError("invalid_arguments", faults)
    external_id = value.get("external_id")
    if external_id and any(
        view.body.get("external_id") == external_id and view is not but for view in state.views.values()
    ):
        raise SlackError("duplicate_external_id")
    return {**value, "blocks": state.named(value["blocks"])}


def push(state: State, user: str, below: str | None, body: Json) -> View:
    """Put a modal on another. Raises `push_limit_reached` at the fourth."""
    under = state.views.get(below or "")
    if under is None:
        raise SlackError("not_found")
    if len(state.stack(user)) >= DEPTH:
        raise SlackError("push_limit_reached")
    view_id = state.new_id("V")
    view = View(view_id, user, body, _hash(), under.root_id, under.id, under.channel)
    return state.put_view(replace(view, inputs=_current_conversation(view)))


def view_json(state: State, view: View) -> Json:
    """A view as Slack describes it to the app."""
    answer: Json = {
        "id": view.id,
        "team_id": state.team.id,
        "app_id": state.app.id,
        "app_installed_team_id": state.team.id,
        "bot_id": state.app.bot_id,
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        **view.body,
    }
    answer["state"] = {"values": {}}
    if view.body["type"] == "modal":
        answer = {"close": None, "submit": None, **answer}
    return answer


def new_version(view: View, body: Json) -> View:
    """The same view with another body."""
    return replace(view, body=body, hash=_hash(), errors={}, notice=None)


def _fresh(state: State, trigger: TriggerId, body: Json) -> View:
    view_id = state.new_id("V")
    view = View(view_id, trigger.user, body, _hash(), view_id, None, trigger.channel)
    return replace(view, inputs=_current_conversation(view))


def _current_conversation(view: View) -> Json:
    """Menus of conversations that begin with the one where the user was."""
    inputs: Json = {}
    for block, element in view.elements:
        if element.get("default_to_current_conversation") and view.channel:
            many = element["type"].startswith("multi_")
            chosen = (
                {"selected_conversations": [view.channel]}
                if many
                else {"selected_conversation": view.channel}
            )
            inputs[block] = {element["action_id"]: {"type": element["type"], **chosen}}
    return inputs


def _find(state: State, args: Json) -> View:
    view = state.views.get(str(args.get("view_id")))
    if args.get("external_id"):
        named = [v for v in state.views.values() if v.body.get("external_id") == args["external_id"]]
        view = named[0] if named else None
    if view is None:
        raise SlackError("not_found")
    return view


def _spend(state: State, trigger_id: str) -> TriggerId:
    """Use a trigger: once, and within 3 seconds."""
    trigger = state.triggers.get(trigger_id)
    if trigger is None:
        raise SlackError("invalid_trigger_id")
    if trigger.used:
        raise SlackError("exchanged_trigger_id")
    if state.now() - trigger.born_ms > TRIGGER_MS:
        raise SlackError("expired_trigger_id")
    trigger.used = True
    return trigger


def _hash() -> str:
    return f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}"
