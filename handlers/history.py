"""History: what was said, in a conversation, by a user, or in the whole app."""

from typing import Annotated

from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import NotUnderstood, Refused
from bridge.phrases import Code, Moment, Value, iso_utc, phrase
from bridge.realtime.content import (
    Audio,
    Content,
    Custom,
    File,
    Image,
    Location,
    Plain,
    Recalled,
    Text,
    Video,
    encode,
)
from bridge.realtime.history import Everything, HistoryRange, InConversation, InThread, SentBy, Source
from bridge.realtime.models import Kind, Message
from bridge.reply import File as FilePart
from bridge.reply import Hint, Part, Reply, Table
from bridge.values import ClientId, ConversationRef, Since
from handlers.ranges import refuse_outside
from handlers.sheets import sheet

PAGE = 1000
"""The most that the service gives at a time (REST 1.2, history)."""
MOST = 100_000
"""More than this at once belongs to `imbridge export`."""


@command(
    "history",
    Effect.READS_MESSAGES,
    "history lobby",
    "history --client tom --limit 20",
    "history --all --after 2h --csv",
)
async def history(  # noqa: PLR0913 - one argument for each word of the grammar
    ctx: Context,
    conv: ConversationRef | None = None,
    *,
    client: Annotated[
        ClientId | None, Help("what this user said; with a system conversation, what it told them")
    ] = None,
    all_: Annotated[bool, Help("of the whole app")] = False,
    limit: Annotated[int, Help("how many messages, 100 unless said")] = 100,
    reversed_: Annotated[bool, Help("oldest first")] = False,
    before: Annotated[Since | None, Help("only earlier ones")] = None,
    after: Annotated[Since | None, Help("only later ones")] = None,
    csv: Annotated[bool, Help("as a file")] = False,
) -> Reply:
    """Show what was said."""
    refuse_outside("--limit", limit, 1, MOST)
    if before is not None and after is not None and after >= before:
        raise Refused(
            phrase("{after} must be earlier than {before}.", after=Code("--after"), before=Code("--before")),
            code="bad_value",
        )
    source = await _source(ctx, conv, client, everything=all_)
    span = _span(before, after, oldest_first=reversed_, page=min(limit, PAGE))
    rows = [row async for row in ctx.realtime.iterate_history(source, span, limit)]
    if not rows:
        return Reply(phrase("There are no messages."), data=[])
    title = phrase("{count} message", plural="{count} messages", count=len(rows))
    shown: Part = FilePart("history.csv", _csv(rows)) if csv else _table(rows)
    more = (Hint(phrase("There may be more: {option}", option=_further(rows[-1], oldest_first=reversed_))),)
    return Reply(title, (shown, *(more if len(rows) == limit else ())), data=[row.raw for row in rows])


async def _source(
    ctx: Context, conv: ConversationRef | None, client: ClientId | None, *, everything: bool
) -> Source:
    if everything:
        if conv is not None or client is not None:
            raise NotUnderstood(phrase("{all} is the whole app: leave out the rest.", all=Code("--all")))
        return Everything()
    if conv is None:
        if client is None:
            raise NotUnderstood(
                phrase(
                    "Of what? Name a conversation, a user by {client}, or the whole app by {all}.",
                    client=Code("--client ID"),
                    all=Code("--all"),
                ),
                code="missing_argument",
            )
        return SentBy(client)
    found = await ctx.conversations.resolve(conv)
    if client is None:
        return InConversation(found)
    if found.kind is not Kind.SYSTEM:
        raise Refused(
            phrase(
                "A conversation together with {client} is for system conversations only.",
                client=Code("--client"),
            ),
            hint=phrase(
                "Type {conversation} or {client}",
                conversation=Code(f"history {found.id}"),
                client=Code(f"history --client {client}"),
            ),
            code="wrong_kind",
        )
    return InThread(found, client)


def _span(before: int | None, after: int | None, *, oldest_first: bool, page: int) -> HistoryRange:
    start, stop = (after, before) if oldest_first else (before, after)
    return HistoryRange(timestamp=start, till_timestamp=stop, reversed=oldest_first, limit=page)


def _further(last: Message, *, oldest_first: bool) -> Code:
    return Code(f"{'--after' if oldest_first else '--before'} {last.timestamp}")


def _table(rows: list[Message]) -> Table:
    columns = (phrase("Time"), phrase("From"), phrase("Message"), phrase("Id"))
    return Table(
        columns,
        tuple((Moment(row.timestamp), row.from_client, said(row.content), Code(row.msg_id)) for row in rows),
    )


def said(content: Content) -> Value:
    """What a message says, in one cell: its text, and what else it carries by name."""
    match content:
        case Plain(text) | Text(text):
            return text
        case Image():
            return phrase("[image] {text} {url}", text=content.text, url=content.attachment.url)
        case Audio():
            return phrase("[audio] {text} {url}", text=content.text, url=content.attachment.url)
        case Video():
            return phrase("[video] {text} {url}", text=content.text, url=content.attachment.url)
        case File():
            return phrase("[file] {text} {url}", text=content.text, url=content.attachment.url)
        case Location():
            place = f"{content.latitude},{content.longitude}"
            return phrase("[location] {text} {place}", text=content.text, place=place)
        case Recalled():
            return phrase("[recalled]")
        case Custom():
            return encode(content)


def _csv(rows: list[Message]) -> str:
    """One line for each message."""
    columns = ("time", "from", "conversation", "message", "msg-id", "timestamp")
    return sheet(columns, map(_line, rows))


def _line(row: Message) -> tuple[str | int, ...]:
    text = row.data if isinstance(row.data, str) else encode(row.content)
    return (iso_utc(row.timestamp), row.from_client, row.conversation_id, text, row.msg_id, row.timestamp)


COMMANDS = (history,)
