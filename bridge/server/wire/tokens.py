"""What lets a client in again: session tokens, which survive a restart of the server."""

from dataclasses import astuple, dataclass

from bridge.server.seals import seal, unseal
from bridge.server.settings import ServerSettings

TOKEN_SECONDS = 7 * 86_400
"""A token that is refused costs a client its session where logins are signed, so it lives long."""

_PURPOSE = "session token"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a session token says: the client, its session, device and tag.

    Both times are UTC milliseconds; `since` is when the client logged in, however often the token was renewed.
    """

    client_id: str
    session: str
    device: str
    tag: str | None
    since: int
    expires_at: int


def issue(settings: ServerSettings, ticket: Ticket) -> str:
    """The token of a ticket; only this app's master key makes one."""
    return seal(settings, _PURPOSE, [*astuple(ticket)])


def admit(settings: ServerSettings, token: str) -> Ticket | None:
    """The ticket of a token of ours, whether it has expired or not; None for any other text."""
    match unseal(settings, _PURPOSE, token):
        case [str(client_id), str(session), str(device), str() | None as tag, int(since), int(expires_at)]:
            return Ticket(client_id, session, device, tag, since, expires_at)
        case _:
            return None
