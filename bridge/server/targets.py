"""What a message needs to know of its conversation: the kind, and the members of a normal one; for many at once."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.errors import (
    INVALID_MESSAGING_TARGET,
    NORMAL_CONVERSATION_REQUIRED,
    SYSTEM_CONVERSATION_REQUIRED,
    TRANSIENT_CONVERSATION_REQUIRED,
    ErrorKind,
    ServiceError,
)
from bridge.server.rows import CHATROOM, CONVERSATION, NORMAL, SERVICE, TEMPORARY
from bridge.server.tables import objects, temporaries

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


async def load_targets(connection: AsyncConnection, conv_ids: Collection[str]) -> dict[str, Target]:
    """The conversations that exist among these ids."""
    query = select(objects.c.id, objects.c.kind, objects.c.document).where(
        objects.c.class_name == CONVERSATION, objects.c.id.in_(conv_ids)
    )
    found: dict[str, Target] = {}
    for conv_id, kind, document in await connection.execute(query):
        members, muted = _ids(document.get("m")), _ids(document.get("mu"))
        found[conv_id] = Target(kind, members[:MEMBERS_USED], muted) if kind == NORMAL else Target(kind)
    temporary = [one for one in conv_ids if one.startswith(TEMPORARY_PREFIX)]
    return found | await _load_temporaries(connection, temporary) if temporary else found


async def _load_temporaries(connection: AsyncConnection, conv_ids: Collection[str]) -> dict[str, Target]:
    query = select(temporaries.c.conv_id, temporaries.c.client_id).where(temporaries.c.conv_id.in_(conv_ids))
    members: dict[str, tuple[str, ...]] = {}
    for conv_id, client_id in await connection.execute(query):
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
    target = (await load_targets(connection, [conv_id])).get(conv_id)
    problem = refusal(target, kind, missing)
    if target is None or problem is not None:
        raise problem or missing()
    return target
