"""Conversations of every kind: create, find, change, delete, and who is in them (REST 1.2, sections on each kind)."""

from collections.abc import AsyncIterator, Mapping, Sequence

from bridge.realtime import wire
from bridge.realtime.errors import Rejected
from bridge.realtime.models import BUILT_IN, Conversation, Kind, NewConversation, Target, Updated
from bridge.realtime.protocol import KIND_PATH, PAGE, Call, Caller, count, given, nothing, read, require
from bridge.realtime.wire import Row

UNSET = {"__op": "Delete"}
"""As a column's new value: remove the column."""

_SETTABLE = frozenset({"name", "c"})


class Conversations(Caller):
    """The calls on `_Conversation` rows."""

    async def create_conversation(self, new: NewConversation) -> Conversation:
        """Create one, or (`unique`) get the one with exactly these members."""
        request = f"POST /1.2/rtm/{KIND_PATH[new.kind]}"
        if new.members or new.unique:
            require(new.kind, Kind.NORMAL, request=request)
        _check_columns(new.attributes, request)
        columns = given({"name": new.name, "c": new.creator}) | dict(new.attributes)
        if new.members:
            columns["m"] = list(new.members)
        if new.unique:
            columns["unique"] = True

        def created(value: object) -> Conversation:
            # A unique one may have existed before, with other columns than those asked for: only the answer counts.
            marker = {Kind.SYSTEM: {"sys": True}, Kind.TRANSIENT: {"tr": True}, Kind.NORMAL: {}}[new.kind]
            return Conversation.of({**({} if new.unique else columns), **marker, **wire.as_row(value)})

        return await self.ask(Call("POST", [KIND_PATH[new.kind]], created, body=columns))

    async def find_conversations(
        self, where: Row | None = None, *, kind: Kind | None = None, skip: int = 0, limit: int = 100
    ) -> list[Conversation]:
        """Those that match a storage query, of one kind or of all (None); at most 1000 at once."""
        path = "all-conversations" if kind is None else KIND_PATH[kind]
        return await self.ask(
            read([path], _conversations, where=dict(where) if where else None, skip=skip or None, limit=limit)
        )

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """The one with this `objectId`, whatever its kind; None when there is none."""
        found = await self.find_conversations({"objectId": conversation_id}, limit=1)
        return found[0] if found else None

    async def iterate_conversations(
        self, where: Row | None = None, *, kind: Kind | None = None, page: int = PAGE
    ) -> AsyncIterator[Conversation]:
        """All that match, a page in memory; rows that come and go meanwhile may be met twice or missed."""
        skip = 0
        while rows := await self.find_conversations(where, kind=kind, skip=skip, limit=page):
            for row in rows:
                yield row
            skip += len(rows)

    async def update_conversation(self, conversation: Target, columns: Row) -> Updated:
        """Set columns (`name` and custom ones; `UNSET` removes one); members change by their own calls."""
        segments = [KIND_PATH[conversation.kind], conversation.id]
        _check_columns(columns, f"PUT /1.2/rtm/{segments[0]}", _SETTABLE)
        return await self.ask(Call("PUT", segments, Updated.of, body=dict(columns)))

    async def delete_conversation(self, conversation: Target) -> None:
        """Delete it for everybody."""
        await self.ask(Call("DELETE", [KIND_PATH[conversation.kind], conversation.id], nothing))

    async def add_members(self, conversation: Target, client_ids: Sequence[str]) -> Updated:
        """Add members to a normal conversation."""
        return await self._change_clients("POST", conversation, "members", client_ids)

    async def remove_members(self, conversation: Target, client_ids: Sequence[str]) -> Updated:
        """Remove members from a normal conversation."""
        return await self._change_clients("DELETE", conversation, "members", client_ids)

    async def members(self, conversation: Target) -> tuple[str, ...]:
        """The members of a normal conversation, or a random sample of a chatroom's joined and online clients."""
        path = KIND_PATH[conversation.kind]
        require(conversation.kind, Kind.NORMAL, Kind.TRANSIENT, request=f"GET /1.2/rtm/{path}/members")
        return await self.ask(read([path, conversation.id, "members"], wire.as_texts))

    async def mute(self, conversation: Target, client_ids: Sequence[str]) -> Updated:
        """Let these members get no offline push for a normal conversation."""
        return await self._change_clients("POST", conversation, "mutes", client_ids)

    async def unmute(self, conversation: Target, client_ids: Sequence[str]) -> Updated:
        """Let these members get offline pushes again."""
        return await self._change_clients("DELETE", conversation, "mutes", client_ids)

    async def muted(self, conversation: Target) -> tuple[str, ...]:
        """The members that get no offline push."""
        require(conversation.kind, Kind.NORMAL, request="GET /1.2/rtm/conversations/mutes")
        return await self.ask(read([KIND_PATH[Kind.NORMAL], conversation.id, "mutes"], wire.as_texts))

    async def online_count(self, conversation: Target) -> int:
        """How many clients are online in a chatroom."""
        path = KIND_PATH[Kind.TRANSIENT]
        require(conversation.kind, Kind.TRANSIENT, request=f"GET /1.2/rtm/{path}/members/online-count")
        return await self.ask(read([path, conversation.id, "members", "online-count"], count))

    async def _change_clients(
        self, method: str, conversation: Target, what: str, client_ids: Sequence[str]
    ) -> Updated:
        path = KIND_PATH[Kind.NORMAL]
        require(conversation.kind, Kind.NORMAL, request=f"{method} /1.2/rtm/{path}/{what}")
        body = {"client_ids": list(client_ids)}
        return await self.ask(Call(method, [path, conversation.id, what], Updated.of, body=body))


def _conversations(value: object) -> list[Conversation]:
    return [Conversation.of(row) for row in wire.as_list(value)]


def _check_columns(
    columns: Mapping[str, object], request: str, settable: frozenset[str] = frozenset()
) -> None:
    if taken := sorted((BUILT_IN - settable) & columns.keys()):
        raise Rejected(f"{', '.join(taken)}: built in, not a custom attribute", request=request)
