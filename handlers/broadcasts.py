"""Broadcasts that went out: which can still be received, and changing those for whoever has not."""

from bridge.announcement import opening
from bridge.commands import Effect, command
from bridge.context import Context
from bridge.errors import Refused
from bridge.phrases import Code, Moment, Phrase, phrase
from bridge.realtime.content import encode
from bridge.realtime.models import Broadcast, Conversation, Kind
from bridge.reply import Fields, Hint, Json, Reply, Table
from bridge.values import ConversationRef, MessageId, Text
from handlers.composing import refuse_too_long
from handlers.history import said
from handlers.kinds import of_kind, title_of
from handlers.locating import valid_broadcast, valid_broadcasts
from handlers.messages import reworded

NO_RECALL = phrase("Devices that have it keep it as it was: the service can't recall a broadcast.")


@command("broadcasts list", Effect.READS_MESSAGES, "broadcasts list news")
async def list_(ctx: Context, conv: ConversationRef) -> Reply:
    """List the broadcasts that devices can still receive."""
    found = await _system(ctx, conv)
    valid = await valid_broadcasts(ctx, found)
    if not valid:
        return Reply(phrase("No broadcast of {name} can still be received.", name=title_of(found)), data=[])
    columns = (phrase("Time"), phrase("Message"), phrase("Until"), phrase("Id"))
    rows = tuple(
        (
            Moment(each.message.timestamp),
            said(each.message.content),
            "" if each.valid_till is None else Moment(each.valid_till),
            Code(each.message.msg_id),
        )
        for each in valid
    )
    return Reply(
        phrase(
            "{count} broadcast of {name} can still be received.",
            plural="{count} broadcasts of {name} can still be received.",
            count=len(valid),
            name=title_of(found),
        ),
        (Table(columns, rows),),
        data=[each.raw for each in valid],
    )


@command("broadcasts edit", Effect.DESTROYS, "broadcasts edit news VP7Eitkm--GX68UdlNNXpF 晚会改到周日！")
async def edit(ctx: Context, conv: ConversationRef, msgid: MessageId, text: Text) -> Reply:
    """Change a broadcast for the devices that have not received it yet."""
    found = await _system(ctx, conv)
    broadcast = await _reachable(ctx, found, msgid)
    content = reworded(broadcast.message.content, text, typed=ctx.defaults.typed)
    refuse_too_long(encode(content), None)
    await ctx.realtime.edit_broadcast(found, broadcast.message.key, content)
    title = phrase("Devices that have not received it yet will get “{text}”.", text=opening(text))
    return _changed(title, found, broadcast)


@command("broadcasts delete", Effect.DESTROYS, "broadcasts delete news VP7Eitkm--GX68UdlNNXpF")
async def delete(ctx: Context, conv: ConversationRef, msgid: MessageId) -> Reply:
    """Let no further device receive a broadcast."""
    found = await _system(ctx, conv)
    broadcast = await _reachable(ctx, found, msgid)
    await ctx.realtime.delete_broadcast(msgid)
    return _changed(phrase("No further device will get it."), found, broadcast)


async def _system(ctx: Context, conv: ConversationRef) -> Conversation:
    return await of_kind(ctx, conv, Kind.SYSTEM, {Kind.NORMAL: "history", Kind.TRANSIENT: "history"})


async def _reachable(ctx: Context, found: Conversation, msgid: MessageId) -> Broadcast:
    """The broadcast. Refused: no device will receive it any more, so that there is nothing to change."""
    valid = await valid_broadcast(ctx, found, msgid)
    if valid is None:
        raise Refused(
            phrase(
                "{id} is no broadcast of {name} that a device could still receive.",
                id=Code(msgid),
                name=title_of(found),
            ),
            hint=phrase(
                "It may have expired, or never was one; what has arrived stays. Those that can be reached: {command}",
                command=Code(f"broadcasts list {found.id}"),
            ),
            code="not_found",
        )
    return valid


def _changed(title: Phrase, found: Conversation, broadcast: Broadcast) -> Reply:
    message = broadcast.message
    data: dict[str, Json] = {
        "msg-id": message.msg_id,
        "timestamp": message.timestamp,
        "from": message.from_client,
        "to": found.id,
    }
    if broadcast.valid_till is not None:
        data["valid_till"] = broadcast.valid_till
    was = (phrase("Was"), said(message.content))
    return Reply(title, (Fields((was,)), Hint(NO_RECALL)), data=data)


COMMANDS = (list_, edit, delete)
