"""Conversations: creating, changing and deleting them, their members and mutes, whoever asks and over whichever wire.

Every method takes the connection of the transaction that it is part of. `_Conversation` is a storage class like others,
so the storage API reads and writes the same rows; the rules of kinds and of the member limit are here.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.access import MASTER
from bridge.server.engine import POSTGRESQL
from bridge.server.entries import MEMBER_SET, member_set
from bridge.server.errors import BAD_ARGUMENT, CONVERSATION_FULL, CONVERSATION_NOT_FOUND
from bridge.server.fields import check_client_id
from bridge.server.http import Json, JsonObject
from bridge.server.objects import Objects, unindexed
from bridge.server.operators import apply
from bridge.server.rows import CHATROOM, CONVERSATION, NORMAL, SERVICE, Ref, served
from bridge.server.tables import entries, objects
from bridge.server.targets import MEMBERS_USED, WRONG_KIND

_FLAGS: dict[int, JsonObject] = {NORMAL: {}, CHATROOM: {"tr": True}, SERVICE: {"sys": True}}
_FIXED = ("m", "sys", "tr", "unique", "uniqueId")
"""What an update of a conversation leaves alone: members have calls of their own, the rest is decided at its making."""


@dataclass(frozen=True)
class ConversationRow:
    """One conversation: its kind, who is in it, who muted it, and the row as callers see it."""

    id: str
    kind: int
    members: tuple[str, ...]
    muted: tuple[str, ...]
    row: JsonObject


async def load_conversation(
    connection: AsyncConnection, conv_id: str, lock: bool = False
) -> ConversationRow | None:
    """The conversation, or None; with `lock`, nobody else changes it before this transaction has ended."""
    query = select(objects).where(objects.c.class_name == CONVERSATION, objects.c.id == conv_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _conversation(row)


async def require_conversation(
    connection: AsyncConnection, conv_id: str, kind: int, lock: bool = False
) -> ConversationRow:
    """As `load_conversation`: code 4303 when there is none, and 4313, 4314 or 4316 when it is of another kind."""
    conversation = await load_conversation(connection, conv_id, lock)
    if conversation is None:
        raise CONVERSATION_NOT_FOUND(f"no conversation '{conv_id[:64]}'")
    if conversation.kind != kind:
        raise WRONG_KIND[kind](f"conversation '{conv_id}' is of another kind")
    return conversation


def _conversation(row: Row[Any]) -> ConversationRow:
    members = _texts(row.document.get("m"))[:MEMBERS_USED] if row.kind == NORMAL else ()
    return ConversationRow(row.id, row.kind, members, _texts(row.document.get("mu")), served(row))


def _texts(value: Json) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else []
    return tuple(dict.fromkeys(text for text in texts if isinstance(text, str)))


def unique_id(members: Iterable[str]) -> str:
    """The label of a member set. Other sets may share it, so nothing is ever looked up by it."""
    return hashlib.md5("".join(sorted(set(members))).encode(), usedforsecurity=False).hexdigest()


class Conversations:
    """The conversations of one app."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def create(self, connection: AsyncConnection, kind: int, columns: JsonObject) -> JsonObject:
        """Makes a conversation of a kind, or gives the unique one of these members; 4304 for too many of them."""
        for flag in ("sys", "tr"):
            if columns.get(flag) not in (None, _FLAGS[kind].get(flag, False)):
                raise BAD_ARGUMENT(f"'{flag}' does not fit the kind of conversation that was asked for")
        # Only a normal conversation has a list of members: others have clients that joined or subscribed.
        ignored = {"sys", "tr"} if kind == NORMAL else {"sys", "tr", "m", "unique", "uniqueId"}
        kept = {key: value for key, value in columns.items() if key not in ignored} | _FLAGS[kind]
        if kind == NORMAL:
            members = _client_ids(kept.get("m"))
            _refuse_crowd(members)
            return await self.create_row(connection, {**kept, "m": [*members]})
        return await self.create_row(connection, kept)

    async def create_row(
        self, connection: AsyncConnection, columns: JsonObject, own: JsonObject | None = None
    ) -> JsonObject:
        """Makes a conversation from storage columns, `__op` values included; a unique one may exist already."""
        document = apply(CONVERSATION, {}, columns).document
        if document.get("unique") is not True or document.get("sys") is True or document.get("tr") is True:
            return await self._objects.create(connection, CONVERSATION, columns, own)
        members = _texts(document.get("m"))
        existing = await self._find_unique(connection, member_set(members))
        if existing is not None:
            return existing
        labelled: JsonObject = {**columns, "m": [*members], "uniqueId": unique_id(members)}
        return await self._objects.create(connection, CONVERSATION, labelled, own)

    async def _find_unique(self, connection: AsyncConnection, digest: str) -> JsonObject | None:
        if connection.dialect.name == POSTGRESQL:
            # Of two that ask for the same set at once, the second waits and then finds what the first has made.
            lock = int.from_bytes(bytes.fromhex(digest)[:8], signed=True)
            await connection.execute(select(func.pg_advisory_xact_lock(lock)))
        matching = select(entries.c.object_id).where(
            entries.c.class_name == CONVERSATION, entries.c.key == MEMBER_SET, entries.c.value == digest
        )
        query = select(objects).where(objects.c.class_name == CONVERSATION, objects.c.id.in_(matching))
        oldest = query.order_by(unindexed(objects.c.created_at), objects.c.id).limit(1)
        row = (await connection.execute(oldest)).one_or_none()
        return None if row is None else served(row)

    async def update(
        self, connection: AsyncConnection, conv_id: str, kind: int, changes: JsonObject
    ) -> JsonObject:
        """Changes columns of a conversation, members and kind apart; 4303, and the codes of a wrong kind."""
        for key in changes:
            if key.partition(".")[0] in _FIXED:
                raise BAD_ARGUMENT(f"'{key[:64]}' cannot be changed by this call")
        await require_conversation(connection, conv_id, kind, lock=True)
        return await self._objects.update(connection, Ref(CONVERSATION, conv_id), changes, MASTER)

    async def delete(self, connection: AsyncConnection, conv_id: str, kind: int) -> None:
        """Removes a conversation; its history stays. 4303, and the codes of a wrong kind."""
        await require_conversation(connection, conv_id, kind, lock=True)
        await self._objects.delete(connection, Ref(CONVERSATION, conv_id), MASTER)

    async def add_members(
        self, connection: AsyncConnection, conv_id: str, client_ids: Sequence[str]
    ) -> JsonObject:
        """Adds clients to a normal conversation, those who are in it already left as they are; 4304 when it is full."""
        conversation = await require_conversation(connection, conv_id, NORMAL, lock=True)
        _refuse_crowd({*conversation.members, *client_ids})
        return await self._change_list(connection, conversation, "m", "AddUnique", client_ids)

    async def remove_members(
        self, connection: AsyncConnection, conv_id: str, client_ids: Sequence[str]
    ) -> JsonObject:
        """Removes clients from a normal conversation; those who are not in it do not matter."""
        conversation = await require_conversation(connection, conv_id, NORMAL, lock=True)
        return await self._change_list(connection, conversation, "m", "Remove", client_ids)

    async def mute(self, connection: AsyncConnection, conv_id: str, client_ids: Sequence[str]) -> JsonObject:
        """Keeps offline pushes of a normal conversation from these clients."""
        conversation = await require_conversation(connection, conv_id, NORMAL, lock=True)
        return await self._change_list(connection, conversation, "mu", "AddUnique", client_ids)

    async def unmute(
        self, connection: AsyncConnection, conv_id: str, client_ids: Sequence[str]
    ) -> JsonObject:
        """Lets offline pushes reach these clients again."""
        conversation = await require_conversation(connection, conv_id, NORMAL, lock=True)
        return await self._change_list(connection, conversation, "mu", "Remove", client_ids)

    async def _change_list(
        self,
        connection: AsyncConnection,
        conversation: ConversationRow,
        column: str,
        operator: str,
        client_ids: Sequence[str],
    ) -> JsonObject:
        change: JsonObject = {column: {"__op": operator, "objects": [*client_ids]}}
        ref = Ref(CONVERSATION, conversation.id)
        return await self._objects.update(connection, ref, change, MASTER)


def _client_ids(value: Json) -> tuple[str, ...]:
    given = [] if value is None else value
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise BAD_ARGUMENT("'m' has to be an array of client ids")
    return tuple(dict.fromkeys(check_client_id(str(one)) for one in given))


def _refuse_crowd(members: Collection[str]) -> None:
    if len(members) > MEMBERS_USED:
        raise CONVERSATION_FULL(f"{len(members)} members, at most {MEMBERS_USED} are possible")
