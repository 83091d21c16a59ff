"""What a client may ask for once its session is open: the literal table from commands to what carries them out."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from bridge.server.errors import CONVERSATION_API_FAILED, ServiceError
from bridge.server.wire import conversing, membership, messaging, moderation, records, sessions
from bridge.server.wire.framing import Command
from bridge.server.wire.sessions import Session

HOPELESS = 8
"""A frame so many times too long is not even read to see what it asks for."""

_FIRST_OF_MESSAGING = 4000

Operation: TypeAlias = Callable[[Session, Command], Awaitable[Command | None]]


async def _refresh(session: Session, command: Command) -> Command:
    return sessions.refreshed(session, command)


async def _online(session: Session, command: Command) -> Command:
    return sessions.online(session, command)


OPERATIONS: dict[tuple[str, str | None], Operation] = {
    ("session", "refresh"): _refresh,
    ("session", "query"): _online,
    ("conv", "start"): conversing.start,
    ("conv", "query"): conversing.query,
    ("conv", "update"): conversing.update,
    ("conv", "mute"): conversing.mute,
    ("conv", "unmute"): conversing.unmute,
    ("conv", "count"): records.count,
    ("conv", "members"): records.members,
    ("conv", "is_member"): records.is_member,
    ("conv", "max_read"): records.max_read,
    ("conv", "add"): membership.add,
    ("conv", "remove"): membership.remove,
    ("conv", "member_info_update"): moderation.update_role,
    ("conv", "add_shutup"): moderation.silence,
    ("conv", "remove_shutup"): moderation.unsilence,
    ("conv", "query_shutup"): moderation.silenced,
    ("conv", "check_shutup"): moderation.is_silenced,
    ("blacklist", "block"): moderation.block,
    ("blacklist", "unblock"): moderation.unblock,
    ("blacklist", "query"): moderation.blocked,
    ("blacklist", "check_block"): moderation.is_blocked,
    ("direct", None): messaging.send,
    ("patch", "modify"): messaging.patch,
    ("ack", None): messaging.acknowledge,
    ("read", None): messaging.read,
    ("logs", None): records.logs,
}


async def run(session: Session, command: Command) -> Command | None:
    """Carries a command out and gives its answer; 4301 for one that is not served, so that nobody waits for it."""
    operation = OPERATIONS.get((command.cmd, command.op))
    if operation is None:
        raise CONVERSATION_API_FAILED(f"{command.cmd} {command.op or ''} is not served")
    return await operation(session, command)


def on_the_wire(problem: ServiceError) -> ServiceError:
    """The error as sockets know it: those of storage go by 4301, with what went wrong as their detail."""
    if problem.code >= _FIRST_OF_MESSAGING:
        return problem
    return CONVERSATION_API_FAILED(f"{problem.code} {problem.detail or problem.reason}")
