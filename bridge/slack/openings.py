"""Reads what opens forms (a command that asks for one, a button, a shortcut) and where their results go."""

from bridge.grammar import split
from bridge.invocation import Place
from bridge.reply import Failure
from bridge.slack.arrivals import Body, team_of
from bridge.slack.asker import ResponseUrl
from bridge.slack.drafts import CHANNEL, Draft, Origin
from bridge.slack.markup import meant
from bridge.slack.render import DRILL_MARK, FILL_ACTION

ASK = "form"
"""The option at the end of a command that asks for its form."""
COMPOSE, SEND = "imbridge.compose", "imbridge.send"
"""The `callback_id` of the shortcut for anywhere, and of the one on a message."""


def asked_for(line: str) -> str | None:
    """The line without the `--form` that it ends in; None: it doesn't, or all behind two dashes is text."""
    words = split(line).words
    if not words or any(each.ends_options for each in words):
        return None
    return line[: words[-1].start].rstrip() if words[-1].option == ASK else None


def is_missing(failure: Failure | None) -> bool:
    """Whether a command was refused because it says too little."""
    return failure is not None and not failure.understood and failure.code == "missing_argument"


def is_shortcut(body: Body) -> bool:
    """Whether one of our shortcuts was picked."""
    return body.get("type") in ("shortcut", "message_action") and body.get("callback_id") in (COMPOSE, SEND)


def pressed(body: Body, *, drill: bool) -> Body | None:
    """The button that opens a form of this world, if one was pressed."""
    begins = f"{DRILL_MARK}{FILL_ACTION}" if drill else FILL_ACTION
    found = (each for each in body.get("actions") or () if each.get("type") == "button")
    return next((each for each in found if str(each.get("action_id", "")).startswith(begins)), None)


def text_of(body: Body) -> str:
    """What the message says on which a shortcut was picked."""
    return meant(str((body.get("message") or {}).get("text") or "")).strip()


def trigger_of(body: Body) -> str:
    """What a form can be opened by, once and within three seconds."""
    return str(body.get("trigger_id", ""))


def origin_of(body: Body, at: int) -> Origin:
    """Where a shortcut or a button was used: for one on a message, the thread of that message."""
    channel = str((body.get("channel") or {}).get("id") or "")
    message: Body = body.get("message") or {}
    above = message.get("thread_ts")
    if body.get("type") == "message_action":
        above = above or message.get("ts")
    elif body.get("type") == "block_actions" and not channel:
        # A button outside any channel (the Home tab) is answered in the presser's direct message with the bot.
        channel = str((body.get("user") or {}).get("id", ""))
    url = body.get("response_url")
    link = ResponseUrl(str(url), at, ours=False) if url else None
    return Origin("", channel, str(above) if above else None, link)


def destination(draft: Draft, body: Body, at: int) -> tuple[Place, ResponseUrl | None]:
    """Where its result goes: where it was opened, or where Slack says that its reader has chosen.

    ValueError: neither.
    """
    origin = draft.origin
    if origin.channel:
        return Place(team_of(body), origin.channel), origin.link
    for each in body.get("response_urls") or ():
        if each.get("action_id") == CHANNEL:
            url = ResponseUrl(str(each.get("response_url", "")), at)
            return Place(team_of(body), str(each.get("channel_id", ""))), url
    raise ValueError("a form that says nowhere where its result goes")
