"""What lets a client in: session tokens, which survive a restart of the server, and login signatures."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from bridge.server.errors import SIGNATURE_FAILED, ServiceError
from bridge.server.history import SIGNATURE_LIFE_MS
from bridge.server.http import Parameters, parse_json, to_json
from bridge.server.settings import ServerSettings

TOKEN_SECONDS = 7 * 86_400
"""A token that is refused costs a client its session where logins are signed, so it lives long."""

_PURPOSE = b"session token:"
_SECONDS_END = 100_000_000_000
"""A login signature's time below this is in seconds, as some clients write it: in milliseconds it would be 1973."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a session token says: the client, its session, device and tag; `expires_at` in UTC milliseconds."""

    client_id: str
    session: str
    device: str
    tag: str | None
    expires_at: int


def issue(settings: ServerSettings, ticket: Ticket) -> str:
    """The token of a ticket; only this app's master key makes one."""
    content = to_json(
        [ticket.client_id, ticket.session, ticket.device, ticket.tag, ticket.expires_at]
    ).encode()
    return f"{_text(content)}.{_text(_digest(settings, content))}"


def admit(settings: ServerSettings, token: str) -> Ticket | None:
    """The ticket of a token of ours, whether it has expired or not; None for any other text."""
    content, _, digest = token.partition(".")
    try:
        raw, given = _bytes(content), _bytes(digest)
    except (binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(given, _digest(settings, raw)):
        return None
    try:
        fields = parse_json(raw)
    except ServiceError:
        return None
    match fields:
        case [str(client_id), str(session), str(device), str() | None as tag, int(expires_at)]:
            return Ticket(client_id, session, device, tag, expires_at)
        case _:
            return None


def _digest(settings: ServerSettings, content: bytes) -> bytes:
    return hmac.new(settings.master_key.encode(), _PURPOSE + content, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def check_login(settings: ServerSettings, client_id: str, fields: Parameters) -> None:
    """Checks the signature of a session's opening (4102), where the app has switched signing on.

    The text is `appid:clientid::timestamp:nonce`, its time in milliseconds or seconds, good for six hours.
    """
    if not settings.sign_login:
        return
    signed_at, nonce = fields.integer("t") or 0, fields.text("n") or ""
    text = f"{settings.app_id}:{client_id}::{signed_at}:{nonce}"
    expected = hmac.new(settings.master_key.encode(), text.encode(), hashlib.sha1).hexdigest()
    given = fields.text("s") or ""
    if not nonce or not hmac.compare_digest(given.encode(), expected.encode()):
        raise SIGNATURE_FAILED("a session is opened with a signature: s, t and n")
    moment = signed_at * 1000 if signed_at < _SECONDS_END else signed_at
    if abs(settings.clock() - moment) > SIGNATURE_LIFE_MS:
        raise SIGNATURE_FAILED("the signature is older than 6 hours")
