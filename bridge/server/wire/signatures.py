"""Signatures of what clients do, made by the app's own server with the master key (section on signatures)."""

import hashlib
import hmac
from collections.abc import Collection, Iterable

from bridge.server.errors import (
    BLACKLIST_SIGNATURE_FAILED,
    CONVERSATION_SIGNATURE_FAILED,
    SIGNATURE_FAILED,
    ErrorKind,
)
from bridge.server.history import SIGNATURE_LIFE_MS
from bridge.server.http import Parameters
from bridge.server.settings import ServerSettings

_SECONDS_END = 100_000_000_000
"""A signature's time below this is in seconds, as some clients write it: in milliseconds it would be 1973."""


def check_login(settings: ServerSettings, client_id: str, fields: Parameters) -> int | None:
    """Checks the signature of a session's opening (4102), where the app has switched signing on.

    The text is `appid:clientid::timestamp:nonce`. Gives the instant until which (UTC ms) it may have been made.
    """
    if not settings.sign_login:
        return None
    return _check(settings, fields, {f"{client_id}:"}, "", SIGNATURE_FAILED)


def check_start(
    settings: ServerSettings, client_id: str, fields: Parameters, members: Collection[str]
) -> None:
    """Checks the signature of a conversation's making (4302): `appid:clientid:m1:m2...:timestamp:nonce`.

    SDKs differ in whether the client itself is among the members that are signed: it is in the conversation either way.
    """
    if not settings.sign_conversations:
        return
    others = {one for one in members if one != client_id}
    signed = {f"{client_id}:{_joined(every)}" for every in (others, {*others, client_id})}
    _check(settings, fields, signed, "", CONVERSATION_SIGNATURE_FAILED)


def check_members(
    settings: ServerSettings, client_id: str, fields: Parameters, members: Collection[str], action: str
) -> None:
    """Checks the signature of an `invite`, which joining is too, or a `kick` (4302).

    The text is `appid:clientid:convid:m1:m2...:timestamp:nonce:action`.
    """
    if settings.sign_conversations:
        signed = f"{client_id}:{fields.required_text('cid')}:{_joined(members)}"
        _check(settings, fields, {signed}, f":{action}", CONVERSATION_SIGNATURE_FAILED)


def check_conversation_blacklist(
    settings: ServerSettings, client_id: str, fields: Parameters, members: Collection[str], action: str
) -> None:
    """Checks the signature of `conversation-block-clients` or its opposite (4546); the text is as for members."""
    if settings.sign_blacklists:
        signed = f"{client_id}:{fields.required_text('srcCid')}:{_joined(members)}"
        _check(settings, fields, {signed}, f":{action}", BLACKLIST_SIGNATURE_FAILED)


def check_client_blacklist(
    settings: ServerSettings, client_id: str, fields: Parameters, conv_ids: Collection[str], action: str
) -> None:
    """Checks the signature of `client-block-conversations` or its opposite (4546).

    The text is `appid:clientid:convid::timestamp:nonce:action`; several conversations stand in it as members do.
    """
    if settings.sign_blacklists:
        signed = f"{client_id}:{_joined(conv_ids)}:"
        _check(settings, fields, {signed}, f":{action}", BLACKLIST_SIGNATURE_FAILED)


def _joined(ids: Iterable[str]) -> str:
    return ":".join(sorted(ids))


def _check(
    settings: ServerSettings, fields: Parameters, signed: Collection[str], action: str, refusal: ErrorKind
) -> int:
    """Checks `s`, `t` and `n` against each of the texts that may be signed; gives the end of its instant (UTC ms)."""
    signed_at, nonce = fields.integer("t") or 0, fields.text("n") or ""
    given = (fields.text("s") or "").encode()
    texts = [f"{settings.app_id}:{one}:{signed_at}:{nonce}{action}" for one in signed]
    if not nonce or not any(hmac.compare_digest(given, _digest(settings, text)) for text in texts):
        raise refusal("this has to be signed: s, t and n")
    in_seconds = signed_at < _SECONDS_END
    moment = signed_at * 1000 if in_seconds else signed_at
    if abs(settings.clock() - moment) > SIGNATURE_LIFE_MS:
        raise refusal("the signature is older than 6 hours")
    return moment + 999 if in_seconds else moment


def _digest(settings: ServerSettings, text: str) -> bytes:
    return hmac.new(settings.master_key.encode(), text.encode(), hashlib.sha1).hexdigest().encode()
