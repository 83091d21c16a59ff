"""Messages: say something in a conversation as any user; change it, take it back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

from bridge.announcement import Announcement, opening
from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import BridgeError, Refused
from bridge.explain import explain
from bridge.ledger import Act, Options
from bridge.phrases import Code, Value, phrase
from bridge.realtime.content import Content, Custom, Plain, Recalled, encode
from bridge.realtime.content import Text as SaidText
from bridge.realtime.errors import RealtimeError, Rejected
from bridge.realtime.models import Conversation, Kind
from bridge.reply import Hint, Json, Reply
from bridge.values import ClientId, ConversationRef, MessageId, Text
from handlers.composing import Composing, Saying, plan, refuse_too_long
from handlers.kinds import title_of
from handlers.locating import Known, Located, locate

EVERYONE = "all"
MENTIONS_AT_MOST = 20
"""Reference 1.9."""


@command(
    "send",
    Effect.REACHES,
    "send lobby Hello everyone! --from tom",
    "send lobby --image https://example.com/map.png --from tom",
    "send lobby --location 31.23,121.47 --from tom",
)
async def send(  # noqa: PLR0913 - one argument for each word of the grammar
    ctx: Context,
    conv: ConversationRef,
    text: Text | None = None,
    *,
    composing: Composing,
    mention: Annotated[tuple[ClientId, ...], Help("who is mentioned, or all")] = (),
    transient: Annotated[bool, Help("only for those online now; not kept")] = False,
) -> Announcement:
    """Send a message to a conversation as any user."""
    found = await ctx.conversations.resolve(conv)
    if found.kind is Kind.SYSTEM:
        raise Refused(
            phrase(
                "{name} is a system conversation: it speaks to chosen users, to subscribers or to everyone.",
                name=title_of(found),
            ),
            hint=phrase(
                "Use {notify}, {publish} or {broadcast}.",
                notify=Code("notify"),
                publish=Code("publish"),
                broadcast=Code("broadcast"),
            ),
            code="wrong_kind",
            parameter="conv",
        )
    if found.kind is Kind.TRANSIENT and composing.push is not None:
        raise Refused(
            phrase("{name} is a transient conversation: it pushes nothing.", name=title_of(found)),
            hint=phrase("Leave out {option}.", option=Code("--push")),
            code="wrong_kind",
            parameter="push",
        )
    everyone = EVERYONE in mention
    mentions = () if everyone else mention
    if len(mentions) > MENTIONS_AT_MOST:
        raise Refused(
            phrase("A message mentions at most {most} users.", most=MENTIONS_AT_MOST),
            hint=phrase("Use {option}", option=Code("--mention all")),
            code="too_many",
            parameter="mention",
        )
    options = Options(transient=transient, mention_all=everyone, mentions=mentions)
    saying = Saying(Act.SEND, found, text, options)
    return Announcement(plan(ctx, saying, composing))


@command(
    "message edit",
    Effect.DESTROYS,
    "message edit lobby VP7EitNj--PvNMX9YgO9GF Hello everybody!",
    "message edit news VP7Eitkm--GX68UdlNNXpF Your refund is on its way. --to tom",
)
async def edit(ctx: Context, conv: ConversationRef, msgid: MessageId, text: Text, *, known: Known) -> Reply:
    """Change the text of a sent message, on the users' devices too."""
    found = await ctx.conversations.resolve(conv)
    located = await locate(ctx, found, msgid, known)
    _refuse_broadcast(found, located, "broadcasts edit")
    content = reworded(located.content, text, typed=ctx.defaults.typed)
    refuse_too_long(encode(content), None)
    with _asking_for_receivers(found, located):
        await ctx.realtime.edit_message(found, located.key, content, located.receivers)
    return Reply(
        phrase("Changed it to “{text}”.", text=opening(text)), data=_data(found, located, located.receivers)
    )


@command("message recall", Effect.DESTROYS, "message recall lobby VP7EitNj--PvNMX9YgO9GF")
async def recall(ctx: Context, conv: ConversationRef, msgid: MessageId, *, known: Known) -> Reply:
    """Take a sent message back, on the users' devices too."""
    found = await ctx.conversations.resolve(conv)
    located = await locate(ctx, found, msgid, known)
    _refuse_broadcast(found, located, "broadcasts delete")
    with _asking_for_receivers(found, located):
        await ctx.realtime.recall_message(found, located.key, located.receivers)
    return Reply(
        phrase("Recalled {what}.", what=_said(located)), data=_data(found, located, located.receivers)
    )


@command(
    "message delete",
    Effect.DESTROYS,
    "message delete lobby VP7EitNj--PvNMX9YgO9GF",
    "message delete news VP7Eitkm--GX68UdlNNXpF --to tom",
)
async def delete(ctx: Context, conv: ConversationRef, msgid: MessageId, *, known: Known) -> Reply:
    """Delete the service's copy of a message; devices that have it keep it."""
    found = await ctx.conversations.resolve(conv)
    located = await locate(ctx, found, msgid, known)
    _refuse_broadcast(found, located, "broadcasts delete")
    if found.kind is not Kind.SYSTEM:
        await ctx.realtime.delete_message(found, located.key)
    elif located.receivers:
        await _delete_copies(ctx, found, located)
    else:
        raise Refused(
            phrase("In a system conversation each user has a copy, and they are deleted one by one."),
            hint=phrase("Say whose: {option}", option=Code("--to ID,...")),
            code="missing_argument",
        )
    return Reply(
        phrase("Deleted the service's copy of {what}.", what=_said(located)),
        (Hint(phrase("Devices that have it keep it.")),),
        data=_data(found, located, located.receivers),
    )


async def _delete_copies(ctx: Context, found: Conversation, located: Located) -> None:
    for number, client in enumerate(located.receivers):
        try:
            await ctx.realtime.delete_message(found, located.key, client)
        except RealtimeError as error:
            known = explain(error)
            if number == 0 or known is None:
                raise
            done = ", ".join(located.receivers[:number])
            raise BridgeError(
                phrase(
                    "Deleted for {done}; it ended at {client}: {why}",
                    done=done,
                    client=client,
                    why=known.message,
                ),
                hint=known.hint,
                code="partly",
            ) from error


def reworded(content: Content | None, text: str, *, typed: bool) -> Content:
    """The message with other words, its attributes and attachment kept. Refused: it has no words to change."""
    match content:
        case None:
            return SaidText(text) if typed else Plain(text)
        case Plain():
            return Plain(text)
        case Recalled():
            raise Refused(phrase("It was recalled: there is nothing left to change."), code="recalled")
        case Custom(body):
            if "_lctext" not in body:
                raise Refused(
                    phrase("It is a message of the app's own kind, without a text that could be changed."),
                    code="wrong_kind",
                )
            return Custom({**body, "_lctext": text})
        case _:
            return replace(content, text=text)


def _refuse_broadcast(found: Conversation, located: Located, instead: str) -> None:
    if located.act is Act.BROADCAST:
        raise Refused(
            phrase("It is a broadcast: it can't be recalled from devices that have it."),
            hint=phrase(
                "For those that have not, type {command}",
                command=Code(f"{instead} {found.id} {located.key.msg_id}"),
            ),
            code="wrong_kind",
        )


@contextmanager
def _asking_for_receivers(found: Conversation, located: Located) -> Iterator[None]:
    """Without receivers the service takes a message for one to all subscribers; its no may mean that it was not."""
    try:
        yield
    except Rejected as error:
        if found.kind is not Kind.SYSTEM or located.receivers:
            raise
        raise Refused(
            phrase("The service knows no such message to all subscribers: {reason}.", reason=error.reason),
            hint=phrase("If it went to chosen users, say to whom: {option}", option=Code("--to ID,...")),
            code="missing_argument",
        ) from error


def _said(located: Located) -> Value:
    text = "" if located.content is None or isinstance(located.content, Recalled) else located.content.text
    return phrase("“{text}”", text=opening(text)) if text else Code(located.key.msg_id)


def _data(found: Conversation, located: Located, receivers: tuple[str, ...]) -> dict[str, Json]:
    key = located.key
    data: dict[str, Json] = {
        "msg-id": key.msg_id,
        "timestamp": key.timestamp,
        "from": key.from_client,
        "to": found.id,
    }
    return {**data, "to_clients": list(receivers)} if receivers else data


COMMANDS = (send, edit, recall, delete)
