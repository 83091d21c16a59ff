"""Who is calling: the app key, the master key, or neither (401)."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from bridge.server.errors import CLIENTS_FORBIDDEN, FORBIDDEN, UNAUTHORIZED
from bridge.server.settings import ServerSettings


@dataclass(frozen=True)
class Caller:
    """The authenticated side of a request.

    Unverified as yet: `session`, the session token of a `_User`, and `im_session`, that of a client's socket.
    """

    master: bool
    session: str | None = None
    im_session: str | None = None

    @property
    def client(self) -> str | None:
        """No client, before its token was verified."""
        return None


class HasKey(Protocol):
    """Whatever knows which key its caller has."""

    @property
    def master(self) -> bool:
        """The master key."""

    @property
    def client(self) -> str | None:
        """The client whose session token is verified."""


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8"))


def sign(timestamp: str, key: str) -> str:
    """The MD5 sign that stands for a key in `X-LC-Sign`; the format is the protocol's, not a choice of ours."""
    return hashlib.md5(f"{timestamp}{key}".encode(), usedforsecurity=False).hexdigest()


def require_app(request: Request) -> Caller:
    """Accepts the app key or the master key, plain or signed; anything else is 401."""
    settings: ServerSettings = request.app.state.server.settings
    # Backwards, as of headers that are there twice the first one counts.
    given = {
        name: value.decode("latin-1")
        for name, value in reversed(request.scope["headers"])
        if name.startswith(b"x-lc-")
    }
    if not _same(given.get(b"x-lc-id", ""), settings.app_id):
        raise UNAUTHORIZED("X-LC-Id is not this app's id")
    master = _checked_sign(given[b"x-lc-sign"], settings) if b"x-lc-sign" in given else None
    if master is None:
        master = _checked_key(given.get(b"x-lc-key", ""), settings)
    return Caller(master, given.get(b"x-lc-session"), given.get(b"x-lc-im-session-token"))


def _checked_key(given: str, settings: ServerSettings) -> bool:
    key, _, suffix = given.partition(",")
    master = suffix.strip() == "master"
    if (suffix and not master) or not _same(key, settings.master_key if master else settings.app_key):
        raise UNAUTHORIZED("X-LC-Key is wrong or missing")
    return master


def _checked_sign(given: str, settings: ServerSettings) -> bool:
    digest, _, rest = given.partition(",")
    timestamp, _, suffix = rest.partition(",")
    master = suffix == "master"
    key = settings.master_key if master else settings.app_key
    if (suffix and not master) or not timestamp.isdigit() or not _same(digest.lower(), sign(timestamp, key)):
        raise UNAUTHORIZED("X-LC-Sign is wrong")
    return master


def require_master(request: Request) -> Caller:
    """Accepts the master key alone: the app key gets code 119 (403), wrong credentials 401."""
    caller = require_app(request)
    if not caller.master:
        raise CLIENTS_FORBIDDEN("this call needs the master key")
    return caller


_CLOSED = frozenset[str]()
_DEVICE = frozenset({"create", "get", "update"})
_FILE = frozenset({"create", "get", "find"})
_OPEN = frozenset({"create", "get", "find", "update", "delete"})
_CLASS_PERMISSIONS = {
    "_Conversation": _CLOSED,
    "_SysMessage": _CLOSED,
    "_ConversationMemberInfo": _CLOSED,
    "_Role": _CLOSED,
    "_Installation": _DEVICE,
    "_File": _FILE,
    "_User": frozenset({"get", "update", "delete"}),
}
_CLIENT_PERMISSIONS = {"_ConversationMemberInfo": frozenset({"get", "find"})}
"""What a client's own session opens beside that."""


def require_permission(caller: HasKey, class_name: str, operation: str) -> None:
    """Class permissions: the master key may do everything, the app key what the class leaves open, else 403.

    Operations are `create`, `get`, `find`, `update`, `delete`. `_Conversation` leaves nothing open, and the same rule
    guards the conversation calls of REST 1.2. Classes that the platform does not know are open; objects have ACLs.
    """
    if caller.master or operation in _CLASS_PERMISSIONS.get(class_name, _OPEN):
        return
    if caller.client is None or operation not in _CLIENT_PERMISSIONS.get(class_name, _CLOSED):
        raise FORBIDDEN(f"{operation} on class '{class_name}'")
