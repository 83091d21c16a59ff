"""Silences, blacklists and roles (REST 1.2, the archived page: absent from the current one, still served)."""

from collections.abc import Sequence

from bridge.realtime import wire
from bridge.realtime.errors import Rejected
from bridge.realtime.models import Kind, MemberInfo, Page, Target, Updated
from bridge.realtime.protocol import KIND_PATH, SILENCE_SECONDS, Call, Caller, nothing, read, require

_JOINED = (Kind.NORMAL, Kind.TRANSIENT)


class Moderation(Caller):
    """The calls that keep clients quiet, out, or give them a role."""

    async def silence_for(self, conversation: Target, client_id: str, seconds: int) -> None:
        """Let a client not send here for at most 24 hours."""
        segments = _list(conversation, "temporary-silenceds", *_JOINED)
        if not 1 <= seconds <= SILENCE_SECONDS:
            problem = f"a silence lasts 1 to {SILENCE_SECONDS:,} seconds (24 hours), not {seconds:,}"
            raise Rejected(problem, request=f"POST /1.2/rtm/{segments[0]}")
        await self.ask(Call("POST", segments, nothing, body={"client_id": client_id, "ttl": seconds}))

    async def end_silence(self, conversation: Target, client_id: str) -> None:
        """End a temporary silence."""
        segments = _list(conversation, "temporary-silenceds", *_JOINED)
        await self.ask(Call("DELETE", segments, nothing, params={"client_id": client_id}))

    async def silence(self, conversation: Target, client_ids: Sequence[str]) -> None:
        """Let clients not send here any more."""
        await self._enlist("POST", _list(conversation, "permanent-silenceds", *_JOINED), client_ids)

    async def unsilence(self, conversation: Target, client_ids: Sequence[str]) -> None:
        """Let clients send here again."""
        await self._enlist("DELETE", _list(conversation, "permanent-silenceds", *_JOINED), client_ids)

    async def silenced(
        self, conversation: Target, *, limit: int = 10, cursor: str | None = None
    ) -> Page[str]:
        """A page of the clients that are silenced until further notice."""
        segments = _list(conversation, "permanent-silenceds", *_JOINED)
        return await self.ask(read(segments, _client_page, limit=limit, next=cursor))

    async def block(self, conversation: Target, client_ids: Sequence[str]) -> None:
        """Remove clients from a conversation of any kind and let them not join again."""
        await self._enlist("POST", _list(conversation, "blacklists", *Kind), client_ids)

    async def unblock(self, conversation: Target, client_ids: Sequence[str]) -> None:
        """Let clients join again."""
        await self._enlist("DELETE", _list(conversation, "blacklists", *Kind), client_ids)

    async def blocked(self, conversation: Target, *, limit: int = 10, cursor: str | None = None) -> Page[str]:
        """A page of the clients that are blocked."""
        segments = _list(conversation, "blacklists", *Kind)
        return await self.ask(read(segments, _client_page, limit=limit, next=cursor))

    async def refuse_conversation(self, client_id: str, conversation_id: str) -> None:
        """Let a client be pulled into a conversation no more."""
        segments = ["clients", client_id, "blacklists"]
        await self.ask(Call("POST", segments, nothing, body={"conv_id": conversation_id}))

    async def accept_conversation(self, client_id: str, conversation_id: str) -> None:
        """Let a client be pulled into a conversation again."""
        segments = ["clients", client_id, "blacklists"]
        await self.ask(Call("DELETE", segments, nothing, body={"conv_id": conversation_id}))

    async def refused_conversations(
        self, client_id: str, *, limit: int = 10, cursor: str | None = None
    ) -> Page[str]:
        """A page of the ids of the conversations that a client refuses."""
        return await self.ask(
            read(["clients", client_id, "blacklists"], _conversation_page, limit=limit, next=cursor)
        )

    async def add_member_info(self, conversation: Target, client_id: str, role: str) -> Updated:
        """Give a member a role: Member, Manager or Owner."""
        segments = _list(conversation, "member-infos", Kind.NORMAL)
        return await self.ask(Call("POST", segments, Updated.of, body={"clientId": client_id, "role": role}))

    async def update_member_info(self, conversation: Target, info_id: str, role: str) -> Updated:
        """Change the role of a `MemberInfo`."""
        segments = [*_list(conversation, "member-infos", Kind.NORMAL), info_id]
        return await self.ask(Call("PUT", segments, Updated.of, body={"role": role}))

    async def delete_member_info(self, conversation: Target, info_id: str) -> None:
        """Take the role of a `MemberInfo` away."""
        await self.ask(Call("DELETE", [*_list(conversation, "member-infos", Kind.NORMAL), info_id], nothing))

    async def member_infos(
        self, conversation: Target, *, role: str | None = None, skip: int | None = None, limit: int = 100
    ) -> list[MemberInfo]:
        """A page of the roles in a normal conversation."""
        segments = _list(conversation, "member-infos", Kind.NORMAL)
        return await self.ask(read(segments, _infos, role=role, skip=skip, limit=limit))

    async def _enlist(self, method: str, segments: list[str], client_ids: Sequence[str]) -> None:
        await self.ask(Call(method, segments, nothing, body={"client_ids": list(client_ids)}))


def _list(conversation: Target, name: str, *kinds: Kind) -> list[str]:
    path = KIND_PATH[conversation.kind]
    require(conversation.kind, *kinds, request=f"/1.2/rtm/{path}/{name}")
    return [path, conversation.id, name]


def _client_page(value: object) -> Page[str]:
    row = wire.as_row(value)
    return Page(wire.as_texts(row.get("client_ids")), wire.optional_text(row, "next") or None)


def _conversation_page(value: object) -> Page[str]:
    row = wire.as_row(value)
    return Page(wire.as_texts(row.get("conv_ids")), wire.optional_text(row, "next") or None)


def _infos(value: object) -> list[MemberInfo]:
    return [MemberInfo.of(row) for row in wire.as_list(value)]
