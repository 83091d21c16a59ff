"""The cloud-function hooks: what the app's own functions are asked and told of messages, conversations and clients.

The names, inputs and answers are those of the documented section on hooks. A function that fails or is late is passed
over, unless the app has said that it then refuses.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bridge.clock import Clock
from bridge.server.errors import (
    CONVERSATION_REJECTED_BY_APP,
    MESSAGE_REJECTED_BY_APP,
    MESSAGE_UPDATE_REJECTED_BY_APP,
    SIGNATURE_FAILED,
    ErrorKind,
    ServiceError,
)
from bridge.server.fields import CLIENT_ID_CHARACTERS, CLIENTS_A_CALL, MESSAGE_BYTES
from bridge.server.hooks import FunctionFailed
from bridge.server.http import Json, JsonObject, Parameters, parse_json, to_json
from bridge.server.messages import Change
from bridge.server.presence import Presence
from bridge.server.store import Draft, Message, Reach, Stored
from bridge.server.targets import Target

log = logging.getLogger(__name__)

LANES = 8
WAITING = 500
"""What functions are only told waits in so many lanes, and so much in each; more than that is not told."""

Call: TypeAlias = Callable[[str, JsonObject], Awaitable[JsonObject]]
"""A cloud function by its name and input; gives its result, FunctionFailed when there is none."""


@dataclass(frozen=True, slots=True)
class Offline:
    """How a client went offline: `code` is 1 by itself, 2 disconnected, 3 its tag was taken, 4 kicked over REST."""

    code: int
    message: str = ""
    error_code: int | None = None


class CloudHooks:
    """Everything that happens passes here; without functions, at no cost."""

    def __init__(self, call: Call | None, presence: Presence, clock: Clock, *, fail_closed: bool) -> None:
        self._call = call
        self._presence = presence
        self._clock = clock
        self._fail_closed = fail_closed
        self._lanes: dict[int, asyncio.Queue[tuple[str, JsonObject]]] = {}
        self._tellers: list[asyncio.Task[None]] = []

    @property
    def active(self) -> bool:
        """Whether there are functions at all."""
        return self._call is not None

    async def close(self) -> None:
        """Stops telling; what was not told by now is not told any more."""
        for teller in self._tellers:
            teller.cancel()
        if self._tellers:
            await asyncio.wait(self._tellers)

    # -----------------------------------------------------------------------------------------------------------------
    # Messages
    # -----------------------------------------------------------------------------------------------------------------

    async def receive(self, draft: Draft, target: Target) -> Draft:
        """`_messageReceived` and `_receiversOffline`: the message as the app lets it through, or 4402."""
        to = draft.recipients or _without(target.members, draft.sender)
        answer = await self._ask(
            "_messageReceived",
            {
                "fromPeer": draft.sender,
                "convId": draft.conv_id,
                "toPeers": [*to],
                "transient": draft.transient,
                "content": draft.data,
                "bin": draft.bin,
                "receipt": draft.receipt,
                "timestamp": self._clock(),
                "system": draft.reach.conv_type == Reach.INDIVIDUAL,
                "sourceIP": draft.from_ip or "",
            },
            MESSAGE_REJECTED_BY_APP,
        )
        draft = replace(draft, data=_content(answer) or draft.data, bin=_flag(answer, "bin", draft.bin))
        chosen = _peers(answer, "toPeers")
        if chosen is not None and draft.reach is Reach.INDIVIDUAL:
            to = chosen[:CLIENTS_A_CALL]
            draft = replace(draft, recipients=to)
        elif chosen is not None and draft.reach in (Reach.NORMAL, Reach.TEMPORARY):
            told = tuple(one for one in target.members if one in chosen or one == draft.sender)
            draft, to = replace(draft, only=told), _without(told, draft.sender)
        pushed = draft.reach in (Reach.NORMAL, Reach.TEMPORARY, Reach.INDIVIDUAL) and not draft.transient
        return await self._for_offline(draft, target, to) if pushed else draft

    async def _for_offline(self, draft: Draft, target: Target, to: Sequence[str]) -> Draft:
        online = set(self._presence.online(to))
        offline = tuple(one for one in to if one not in online)
        if not offline:
            return draft
        answer = await self._ask(
            "_receiversOffline",
            {
                "fromPeer": draft.sender,
                "convId": draft.conv_id,
                "offlinePeers": [*offline],
                "content": draft.data,
                "timestamp": self._clock(),
                "mentionAll": draft.mention_all,
                "mentionOfflinePeers": [one for one in draft.mentions if one in offline],
            },
        )
        if _flag(answer, "skip", default=False):
            return replace(draft, push=None)
        chosen = _peers(answer, "offlinePeers")
        muted = () if _flag(answer, "force", default=False) else target.muted
        pushed_to = tuple(one for one in (offline if chosen is None else chosen) if one not in muted)
        return replace(draft, push=_push(answer) or draft.push, pushed_to=pushed_to)

    def sent(self, stored: Stored) -> None:
        """`_messageSent`."""
        draft = stored.draft
        to = draft.recipients or _without(stored.members, draft.sender)
        online = self._presence.online(to)
        self._tell(
            draft.conv_id,
            "_messageSent",
            {
                "fromPeer": draft.sender,
                "convId": draft.conv_id,
                "msgId": stored.msg_id,
                "onlinePeers": [*online],
                "offlinePeers": [one for one in to if one not in set(online)],
                "transient": draft.transient,
                "system": draft.reach.conv_type == Reach.INDIVIDUAL,
                "content": draft.data,
                "bin": draft.bin,
                "receipt": draft.receipt,
                "timestamp": stored.timestamp,
                "sourceIP": draft.from_ip or "",
            },
        )

    async def change(self, change: Change, message: Message, target: Target) -> Change:
        """`_messageUpdate`: the modification or recall as the app lets it through, or 4405."""
        to = change.clients or _without(target.members, change.sender)
        answer = await self._ask(
            "_messageUpdate",
            {
                "fromPeer": change.sender,
                "convId": change.key.conv_id,
                "toPeers": [*to],
                "content": change.data or "",
                "bin": message.bin,
                "timestamp": change.key.timestamp,
                "msgId": change.key.msg_id,
                "sourceIP": "",
                "recall": change.data is None,
                "system": message.reach.conv_type == Reach.INDIVIDUAL,
            },
            MESSAGE_UPDATE_REJECTED_BY_APP,
        )
        if change.data is not None:
            change = replace(change, data=_content(answer) or change.data)
        chosen = _peers(answer, "toPeers")
        return change if chosen is None else replace(change, only=(*chosen, change.sender))

    # -----------------------------------------------------------------------------------------------------------------
    # Conversations; `initiator` is empty where the app itself acts, over REST
    # -----------------------------------------------------------------------------------------------------------------

    async def start(self, initiator: str, members: Sequence[str], attributes: JsonObject) -> None:
        """`_conversationStart`: 4305 when the app does not want the conversation."""
        given: JsonObject = {"initBy": initiator, "members": [*members], "attr": attributes}
        await self._ask("_conversationStart", given, CONVERSATION_REJECTED_BY_APP)

    def started(self, conv_id: str) -> None:
        """`_conversationStarted`."""
        self._tell(conv_id, "_conversationStarted", {"convId": conv_id})

    async def add(self, initiator: str, members: Sequence[str], conv_id: str) -> None:
        """`_conversationAdd`: 4305 when the app does not want these members; not for those of a new conversation."""
        given: JsonObject = {"initBy": initiator, "members": [*members], "convId": conv_id}
        await self._ask("_conversationAdd", given, CONVERSATION_REJECTED_BY_APP)

    def added(self, initiator: str, members: Sequence[str], conv_id: str) -> None:
        """`_conversationAdded`."""
        given: JsonObject = {"initBy": initiator, "members": [*members], "convId": conv_id}
        self._tell(conv_id, "_conversationAdded", given)

    async def remove(self, initiator: str, members: Sequence[str], conv_id: str) -> None:
        """`_conversationRemove`: 4305 when the app wants them to stay; not for clients that leave by themselves."""
        given: JsonObject = {"initBy": initiator, "members": [*members], "convId": conv_id}
        await self._ask("_conversationRemove", given, CONVERSATION_REJECTED_BY_APP)

    def removed(self, initiator: str, members: Sequence[str], conv_id: str) -> None:
        """`_conversationRemoved`."""
        given: JsonObject = {"initBy": initiator, "members": [*members], "convId": conv_id}
        self._tell(conv_id, "_conversationRemoved", given)

    async def update(self, initiator: str, conv_id: str, attributes: JsonObject) -> JsonObject:
        """`_conversationUpdate` of columns: the columns as the app wants them, or 4305."""
        given: JsonObject = {"initBy": initiator, "convId": conv_id, "attr": attributes}
        answer = await self._ask("_conversationUpdate", given, CONVERSATION_REJECTED_BY_APP)
        changed = answer.get("attr")
        return changed if isinstance(changed, dict) else attributes

    async def mute(self, initiator: str, conv_id: str, *, muted: bool) -> bool:
        """`_conversationUpdate` of a client's mute: what the app makes of it, or 4305."""
        given: JsonObject = {"initBy": initiator, "convId": conv_id, "mute": muted}
        answer = await self._ask("_conversationUpdate", given, CONVERSATION_REJECTED_BY_APP)
        return _flag(answer, "mute", muted)

    # -----------------------------------------------------------------------------------------------------------------
    # Clients
    # -----------------------------------------------------------------------------------------------------------------

    def online(self, client_id: str, source_ip: str | None, tag: str | None, *, reconnects: bool) -> None:
        """`_clientOnline`."""
        given: JsonObject = {
            "peerId": client_id,
            "sourceIP": source_ip or "",
            "tag": tag or "default",
            "reconnect": int(reconnects),
        }
        self._tell(client_id, "_clientOnline", given)

    def offline(self, client_id: str, source_ip: str | None, tag: str | None, how: Offline) -> None:
        """`_clientOffline`."""
        given: JsonObject = {
            "peerId": client_id,
            "closeCode": how.code,
            "closeMsg": how.message,
            "sourceIP": source_ip or "",
            "tag": tag or "default",
        }
        if how.error_code is not None:
            given |= {"errorCode": how.error_code, "errorMsg": how.message}
        self._tell(client_id, "_clientOffline", given)

    async def sign(self, user: JsonObject) -> None:
        """`_rtmClientSign`: 4102 with the app's own words when this user gets no login signature."""
        answer = await self._ask("_rtmClientSign", user, SIGNATURE_FAILED)
        if answer.get("result") is False:
            error = answer.get("error")
            raise SIGNATURE_FAILED(error if isinstance(error, str) and error else "the app gives none")

    # -----------------------------------------------------------------------------------------------------------------
    # Asking and telling
    # -----------------------------------------------------------------------------------------------------------------

    async def _ask(self, name: str, given: JsonObject, refusal: ErrorKind | None = None) -> Parameters:
        """What a function answers; nothing when there is none, or when it fails and does not refuse by that."""
        if self._call is None:
            return Parameters({})
        try:
            answer = Parameters(await self._call(name, given))
        except FunctionFailed as problem:
            log.warning("%s gave no answer: %s", name, problem)
            if self._fail_closed and refusal is not None:
                raise refusal("the app's hook gave no answer") from problem
            return Parameters({})
        if refusal is not None and (answer.get("drop") is True or answer.get("reject") is True):
            raise _rejection(answer, refusal)
        return answer

    def _tell(self, lane: str, name: str, given: JsonObject) -> None:
        if self._call is None:
            return
        number = hash(lane) % LANES
        queue = self._lanes.get(number)
        if queue is None:
            queue = self._lanes[number] = asyncio.Queue(WAITING)
            self._tellers.append(asyncio.create_task(self._teller(self._call, queue)))
        if queue.full():
            log.warning("%s is not told: too much waits for the app's functions", name)
        else:
            queue.put_nowait((name, given))

    @staticmethod
    async def _teller(call: Call, queue: asyncio.Queue[tuple[str, JsonObject]]) -> None:
        while True:
            name, given = await queue.get()
            try:
                await call(name, given)
            except FunctionFailed as problem:
                log.warning("%s was not heard: %s", name, problem)


def _rejection(answer: Parameters, kind: ErrorKind) -> ServiceError:
    detail, code = answer.get("detail"), answer.get("code")
    problem = kind(detail if isinstance(detail, str) and detail else None)
    if isinstance(code, int) and not isinstance(code, bool) and -(2**31) <= code < 2**31:
        problem.app_code = code
    return problem


def _without(clients: Iterable[str], sender: str) -> tuple[str, ...]:
    return tuple(one for one in clients if one != sender)


def _content(answer: Parameters) -> str | None:
    content = answer.get("content")
    if not isinstance(content, str) or not content:
        return None
    if len(content.encode()) > MESSAGE_BYTES:
        log.warning("the app's hook gave a content of more than 5 KB, which is left as it was")
        return None
    return content


def _flag(answer: Parameters, name: str, default: bool) -> bool:
    value = answer.get(name)
    return value if isinstance(value, bool) else default


def _peers(answer: Parameters, name: str) -> tuple[str, ...] | None:
    value: Json = answer.get(name)
    if not isinstance(value, list):
        return None
    peers = (one for one in value if isinstance(one, str) and 1 <= len(one) <= CLIENT_ID_CHARACTERS)
    return tuple(dict.fromkeys(peers))


def _push(answer: Parameters) -> str | None:
    """Push data that a function chose: an object, its JSON text, or the mere text of an alert."""
    message = answer.get("pushMessage")
    if isinstance(message, str) and message:
        try:
            parsed = parse_json(message)
        except ServiceError:
            parsed = None
        message = parsed if isinstance(parsed, dict) else {"alert": message}
    return to_json(message) if isinstance(message, dict) and message else None
