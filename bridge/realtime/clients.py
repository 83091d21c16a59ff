"""The app's clients: who is online, what is unread, sending one away; and the app's figures."""

from collections.abc import Sequence

from bridge.realtime import wire
from bridge.realtime.errors import Rejected
from bridge.realtime.models import LoginSignature, Stats, Target
from bridge.realtime.protocol import KICK_REASON_LENGTH, V1, Call, Caller, count, given, nothing, read


class Clients(Caller):
    """The calls on clients."""

    async def online(self, client_ids: Sequence[str]) -> tuple[str, ...]:
        """Those of at most 20 clients that are online."""
        body = {"client_ids": list(client_ids)}
        return await self.ask(Call("POST", ["clients", "check-online"], wire.as_texts, body=body, acts=False))

    async def unread_count(self, client_id: str, conversation: Target | None = None) -> int:
        """A client's unread messages, in one conversation or in all."""
        conv_id = conversation.id if conversation else None
        return await self.ask(read(["clients", client_id, "unread-count"], count, conv_id=conv_id))

    async def kick(self, client_id: str, reason: str | None = None) -> None:
        """End a client's sessions; it is told the reason, at most 20 characters."""
        segments = ["clients", client_id, "kick"]
        if reason is not None and len(reason) > KICK_REASON_LENGTH:
            problem = f"the reason has {len(reason)} characters, the service takes {KICK_REASON_LENGTH}"
            raise Rejected(problem, request="POST /1.2/rtm/clients/kick")
        await self.ask(Call("POST", segments, nothing, body=given({"reason": reason})))

    async def sign_client(self, session_token: str) -> LoginSignature:
        """A login signature for a user's session; by v1.1, whose body keeps the token out of logged addresses."""
        body = {"session_token": session_token}
        return await self.ask(Call("POST", ["rtm", "sign"], LoginSignature.of, body=body, root=V1))

    async def stats(self) -> Stats:
        """How many users are online, and were today."""
        return await self.ask(read(["stats"], Stats.of))
