"""Finds what the service asks for to change a message: its sender, its time, and of chosen users, who they were."""

from dataclasses import dataclass
from typing import Annotated

from bridge.commands import Help
from bridge.context import Context
from bridge.errors import Refused
from bridge.ledger import Act, Delivery
from bridge.phrases import Code, phrase
from bridge.realtime.content import Content, decode
from bridge.realtime.history import Everything, HistoryRange, InConversation, InThread, Source
from bridge.realtime.models import Broadcast, Conversation, Kind, Message, MessageKey
from bridge.values import ClientId, MessageId, Since
from handlers.kinds import title_of

SEARCHED = 10_000
"""How many of the newest messages are looked through."""
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the person who types knows of a message; the rest is looked up."""

    from_: Annotated[ClientId | None, Help("who said it; looked up when absent")] = None
    at: Annotated[Since | None, Help("its time, as history shows it; looked up when absent")] = None
    to: Annotated[tuple[ClientId, ...], Help("whom it went to, for messages to chosen users")] = ()


@dataclass(frozen=True, slots=True)
class Located:
    """A message that can be changed.

    `act` is how it went out and `content` what it says, each None where that is not known.
    """

    key: MessageKey
    act: Act | None
    receivers: tuple[str, ...]
    content: Content | None


async def locate(ctx: Context, conversation: Conversation, msg_id: MessageId, known: Known) -> Located:
    """The message, from what was typed, else the ledger, else the newest messages. Refused: says what is missing."""
    delivery = await ctx.deliveries.of_message(msg_id)
    if delivery is not None and delivery.plan.conversation == conversation.id:
        return _of_delivery(delivery, msg_id, known)
    act: Act | None = None
    if conversation.kind is Kind.SYSTEM and not known.to:
        valid = await valid_broadcast(ctx, conversation, msg_id)
        act = Act.BROADCAST if valid else None
    if known.from_ is not None and known.at is not None:
        return Located(MessageKey(msg_id, known.at, known.from_), act, known.to, None)
    found = await _in_history(ctx, conversation, msg_id, known)
    if found is None:
        raise _missing(conversation, msg_id, known)
    key = MessageKey(msg_id, known.at or found.timestamp, known.from_ or found.from_client)
    return Located(key, act, known.to, found.content)


async def valid_broadcast(ctx: Context, conversation: Conversation, msg_id: str) -> Broadcast | None:
    """The broadcast of a system conversation, as long as it can still be received."""
    return next(
        (each for each in await valid_broadcasts(ctx, conversation) if each.message.msg_id == msg_id), None
    )


async def valid_broadcasts(ctx: Context, conversation: Conversation) -> list[Broadcast]:
    """Every broadcast of a system conversation that can still be received; a month holds fewer than a page."""
    return await ctx.realtime.broadcasts(conversation, limit=PAGE)


def _of_delivery(delivery: Delivery, msg_id: str, known: Known) -> Located:
    plan = delivery.plan
    part = next(each for each in delivery.parts if each.msg_id == msg_id)
    key = MessageKey(msg_id, known.at or part.timestamp or delivery.at, known.from_ or plan.sender)
    return Located(key, plan.act, known.to or part.clients, decode(plan.message))


async def _in_history(ctx: Context, conversation: Conversation, msg_id: str, known: Known) -> Message | None:
    """The message among the newest ones, or around the time that is known."""
    span = HistoryRange(limit=PAGE)
    if known.at is not None:
        span = HistoryRange(timestamp=known.at + 1, till_timestamp=known.at - 1, limit=PAGE)
    for source in _sources(conversation, known):
        async for message in ctx.realtime.iterate_history(source, span, SEARCHED):
            if message.msg_id == msg_id and message.conversation_id == conversation.id:
                return message
    return None


def _sources(conversation: Conversation, known: Known) -> tuple[Source, ...]:
    """Where to look; what a system conversation told chosen users may stand in the app's history alone."""
    if conversation.kind is not Kind.SYSTEM:
        return (InConversation(conversation),)
    if known.to:
        return (InThread(conversation, known.to[0]),)
    return InConversation(conversation), Everything()


def _missing(conversation: Conversation, msg_id: str, known: Known) -> Refused:
    options = [("--from ID", known.from_), ("--at WHEN", known.at)]
    wanted = [option for option, given in options if given is None]
    if conversation.kind is Kind.SYSTEM and not known.to:
        wanted.append("--to ID,...")
    return Refused(
        phrase(
            "{id} is not among what imbridge sent, nor among the newest {count} messages of {name}.",
            id=Code(msg_id),
            count=SEARCHED,
            name=title_of(conversation),
        ),
        hint=phrase("If the id is right, add what can't be found: {options}", options=Code(" ".join(wanted))),
        code="not_found",
    )
