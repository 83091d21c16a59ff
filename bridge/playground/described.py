"""The workspace as the page is told of it: people, channels, messages, views and the requests that go to and fro."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from bridge.commands import Command
from bridge.locale import translation
from bridge.playground import model
from bridge.playground.model import Exchange, Json
from bridge.playground.state import SLACKBOT, State

LANGUAGES = ("en", "zh-CN")
SHOWN_BYTES = 200_000
"""What the raw view shows of a body."""
BLANK = "…"
_SECRET_HEADERS = {"x-slack-signature", "authorization", "cookie"}
_SLASH = r"(?:/|%2F)"
_SECRET_PATHS = re.compile(
    rf"((?:commands|actions){_SLASH}T\w+{_SLASH}\w+{_SLASH}|files{_SLASH}upload{_SLASH}v1{_SLASH}F\w+-|ticket(?:=|%3D))"
    r"[0-9a-f]+"
)
"""Addresses that let whoever knows them speak or upload; the last part is what has to be known."""


def command_json(command: Command) -> Json:
    """A command as the composer completes it."""
    return {
        "name": command.name,
        "usage": command.usage,
        "summary": _in_each_language(command.summary),
        "examples": list(command.examples),
        "parameters": [
            {
                "word": each.word,
                "noun": each.noun,
                "usage": each.usage,
                "help": _in_each_language(each.help),
                "option": each.option,
                "flag": each.flag,
                "many": each.many,
                "trailing": each.trailing,
                "choices": list(each.choices),
            }
            for each in command.parameters
        ],
    }


def _in_each_language(words: str) -> Json:
    """Words by the page's languages; none where there are none."""
    return {each: translation(each)(words, None, 1) for each in LANGUAGES} if words else {}


def user_json(user: model.User) -> Json:
    """Someone in the workspace; `person` can be acted as."""
    return {
        "id": user.id,
        "name": user.real_name or user.name,
        "handle": user.name,
        "tz": user.tz,
        "bot": user.is_bot,
        "person": not user.is_bot and user.id != SLACKBOT,
    }


def channel_json(channel: model.Channel) -> Json:
    """A channel or direct message."""
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "members": sorted(channel.members),
    }


def message_json(message: model.Message) -> Json:
    """A message as it stands; `to` is the one who sees it, `notice` Slack's own error code."""
    return {
        "channel": message.channel,
        "ts": message.ts,
        "user": message.user,
        "text": message.text,
        "blocks": list(message.blocks),
        "files": list(message.files),
        "thread": message.thread_ts,
        "inputs": message.inputs,
        "to": message.ephemeral_to,
        "notice": message.notice,
        "edited": message.edited,
    }


def view_json(view: model.View) -> Json:
    """A modal or Home tab as its user sees it; `inputs` is what stands in its fields by now."""
    return {
        "id": view.id,
        "user": view.user,
        "hash": view.hash,
        "body": view.body,
        "errors": view.errors,
        "notice": view.notice,
        "inputs": view.inputs,
    }


def shortcut_json(shortcut: model.Shortcut) -> Json:
    """A shortcut of the app in its menu."""
    return {
        "id": shortcut.callback_id,
        "name": shortcut.name,
        "kind": shortcut.kind,
        "description": shortcut.description,
    }


def exchange_json(exchange: Exchange) -> Json:
    """A request between Slack and the app in one line."""
    return {
        "number": exchange.number,
        "direction": exchange.direction,
        "target": blanked(exchange.target, ()),
        "what": _what(exchange),
        "at": exchange.at_ms,
        "status": exchange.status,
        "late": exchange.late,
    }


def exchange_bodies(state: State, exchange: Exchange) -> Json:
    """What a request and its answer said, with every secret and signature blanked."""
    app = state.app
    secrets = (app.bot_token, app.app_token, app.signing_secret, app.verification_token)
    return {
        "headers": {
            name: BLANK if name.lower() in _SECRET_HEADERS else blanked(value, secrets)
            for name, value in exchange.headers.items()
        },
        "body": blanked(exchange.body[:SHOWN_BYTES].decode(errors="replace"), secrets),
        "answer": blanked(exchange.answer[:SHOWN_BYTES].decode(errors="replace"), secrets),
    }


def blanked(text: str, secrets: tuple[str, ...]) -> str:
    """A text in which nothing can be read that lets somebody in."""
    for secret in secrets:
        text = text.replace(secret, BLANK)
    return _SECRET_PATHS.sub(rf"\1{BLANK}", text)


def _what(exchange: Exchange) -> str:
    """The method that the app calls, or what Slack tells it of."""
    if exchange.direction == "from app":
        path = exchange.target.rpartition(" ")[2]
        return (
            path.rpartition("/api/")[2]
            if "/api/" in path
            else path.split("/")[2 if path.startswith("/slack") else 1]
        )
    told = _told(exchange.body)
    if "command" in told:
        return f"{told['command']} {told.get('text', '')}".strip()
    inner = told.get("event")
    if isinstance(inner, dict):
        return f"event {inner.get('type', '')}"
    names = [each.get("action_id", "") for each in told.get("actions", [])]
    view = told.get("view")
    named = (
        told.get("action_id")
        or told.get("callback_id")
        or (isinstance(view, dict) and view.get("callback_id"))
    )
    return " ".join([str(told.get("type", "")), *(names or [str(named or "")])]).strip()


def _told(body: bytes) -> dict[str, Any]:
    text = body.decode(errors="replace")
    if not text.startswith("{"):
        form = dict(parse_qsl(text, keep_blank_values=True))
        if "payload" not in form:
            return form
        text = form["payload"]
    told = json.loads(text)
    return told if isinstance(told, dict) else {}
