"""What a message needs to know of its conversation: the kind, and the members of a normal one; for many at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.errors import (
    INVALID_MESSAGING_TARGET,
    NORMAL_CONVERSATION_REQUIRED,
    SYSTEM_CONVERSATION_REQUIRED,
    TRANSIENT_CONVERSATION_REQUIRED,
    ErrorKind,
    ServiceError,
)
from bridge.server.grouped import find_conversations
from bridge.server.rows import CHATROOM, NORMAL, SERVICE, TEMPORARY
from bridge.server.tables import temporaries

MEMBERS_USED = 500
"""More can be written through storage, only the first so many count."""

TEMPORARY_PREFIX = "_tmp:"

WRONG_KIND = {
    NORMAL: NORMAL_CONVERSATION_REQUIRED,
    CHATROOM: TRANSIENT_CONVERSATION_REQUIRED,
    SERVICE: SYSTEM_CONVERSATION_REQUIRED,
}


@dataclass(frozen=True, slots=True)
class Target:
    """One conversation; only a normal one and a temporary one have members."""

    kind: int
    members: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()


def load_targets(connection: Connection, conv_ids: Collection[str]) -> dict[str, Target]:
    """The conversations that exist among these ids."""
    found = {
        conv_id: _normal(document) if kind == NORMAL else Target(kind)
        for conv_id, kind, document in find_conversations(connection, conv_ids)
    }
    temporary = [one for one in conv_ids if one.startswith(TEMPORARY_PREFIX)]
    return found | _load_temporaries(connection, temporary) if temporary else found


def _normal(document: Mapping[str, object]) -> Target:
    return Target(NORMAL, _ids(document.get("m"))[:MEMBERS_USED], _ids(document.get("mu")))


def _load_temporaries(connection: Connection, conv_ids: Collection[str]) -> dict[str, Target]:
    query = select(temporaries.c.conv_id, temporaries.c.client_id).where(temporaries.c.conv_id.in_(conv_ids))
    members: dict[str, tuple[str, ...]] = {}
    for conv_id, client_id in connection.execute(query):
        members[conv_id] = (*members.get(conv_id, ()), client_id)
    return {conv_id: Target(TEMPORARY, clients) for conv_id, clients in members.items()}


def _ids(column: object) -> tuple[str, ...]:
    ids = column if isinstance(column, list) else []
    return tuple(dict.fromkeys(one for one in ids if isinstance(one, str)))


def refusal(
    target: Target | None, kind: int, missing: ErrorKind = INVALID_MESSAGING_TARGET
) -> ServiceError | None:
    """Why a call for conversations of this kind cannot use the target; `None` when it can."""
    if target is None:
        return missing("no such conversation")
    return None if target.kind == kind else WRONG_KIND[kind]()


async def require(
    connection: AsyncConnection, conv_id: str, kind: int, missing: ErrorKind = INVALID_MESSAGING_TARGET
) -> Target:
    """The conversation, which has to exist (4401, or the code given) and be of this kind (4313, 4314, 4316)."""
    target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
    problem = refusal(target, kind, missing)
    if target is None or problem is not None:
        raise problem or missing()
    return target
