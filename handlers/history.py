"""History: what was said, in a conversation, by a user, or in the whole app."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import NotUnderstood, Refused
from bridge.phrases import Code, Link, Moment, Value, iso_utc, phrase
from bridge.realtime.content import (
    Attachment,
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
from bridge.reply import Buttons, Hint, Part, Reply, Table
from bridge.reply import File as FilePart
from bridge.values import ClientId, ConversationRef, Since
from handlers.paging import linked, page, turn
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
    data = [row.raw for row in rows]
    if csv:
        return Reply(title, (FilePart("history.csv", _csv(rows)),), data=data)
    asked = _Asked(
        words={
            "conv": [conv] if conv is not None else [],
            "client": [client] if client is not None else [],
            "all_": [""] if all_ else [],
            "limit": [str(limit)],
        },
        before=before,
        after=after,
        oldest_first=reversed_,
    )
    return Reply(title, tuple(_read(ctx, rows, asked, full=len(rows) == limit)), data=data)


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


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for: the words that stay on every page, and its span (UTC ms)."""

    words: Mapping[str, Sequence[str]]
    before: int | None
    after: int | None
    oldest_first: bool

    def older(self, than: int) -> dict[str, Sequence[str]]:
        """The page before: the newest of what is older comes first."""
        since = {"after": [str(self.after)]} if self.after is not None and not self.oldest_first else {}
        return {**self.words, "before": [str(than)], **since}

    def newer(self, than: int) -> dict[str, Sequence[str]]:
        """The page after: the oldest of what is newer comes first."""
        until = {"before": [str(self.before)]} if self.before is not None and self.oldest_first else {}
        return {**self.words, "after": [str(than)], "reversed_": [""], **until}

    def export(self) -> dict[str, Sequence[str]]:
        """The same as a file."""
        span = {"before": self.before, "after": self.after}
        given = {name: [str(at)] for name, at in span.items() if at is not None}
        return {**self.words, **given, **({"reversed_": [""]} if self.oldest_first else {}), "csv": [""]}


def _read(ctx: Context, rows: list[Message], asked: _Asked, *, full: bool) -> Iterator[Part]:
    """A page of messages, and where there are more. `full`: the service may have more than it was asked for."""
    cells = [(Moment(row.timestamp), row.from_client, said(row.content), Code(row.msg_id)) for row in rows]
    shown = _whole_moments(rows, page(ctx, cells))
    yield Table((phrase("Time"), phrase("From"), phrase("Message"), phrase("Id")), tuple(cells[:shown]))
    first, last = rows[0].timestamp, rows[shown - 1].timestamp
    goes_on = full or shown < len(rows)
    if not ctx.invocation.place.channel:
        if goes_on:
            option = Code(f"{'--after' if asked.oldest_first else '--before'} {last}")
            yield Hint(phrase("There may be more: {option}", option=option))
        return
    if shown < len(rows):
        yield Hint(phrase("Here are {shown} of them.", shown=shown))
    newest, oldest = (last, first) if asked.oldest_first else (first, last)
    has_newer = goes_on if asked.oldest_first else asked.before is not None
    has_older = asked.after is not None if asked.oldest_first else goes_on
    buttons = (
        *(turn(ctx, history, phrase("Newer"), asked.newer(newest)) if has_newer else ()),
        *(turn(ctx, history, phrase("Older"), asked.older(oldest)) if has_older else ()),
        *(replace(each, settles=False) for each in turn(ctx, history, phrase("Export CSV"), asked.export())),
    )
    yield Buttons(buttons)


def _whole_moments(rows: list[Message], shown: int) -> int:
    """How many to show so that no moment is cut in two: the next page begins behind a time."""
    kept = shown
    while 0 < kept < len(rows) and rows[kept - 1].timestamp == rows[kept].timestamp:
        kept -= 1
    return kept or shown


def said(content: Content) -> Value:
    """What a message says, in one cell: its text, and what else it carries by name.

    An image is linked like any file. Slack would fetch it for an image block: from a host that a stranger has chosen,
    which would learn that somebody reads here, and the whole reply is refused where Slack can't.
    """
    match content:
        case Plain(text) | Text(text):
            return text
        case Image():
            return phrase("[image] {text} {link}", text=content.text, link=_file(content.attachment))
        case Audio():
            return phrase("[audio] {text} {link}", text=content.text, link=_file(content.attachment))
        case Video():
            return phrase("[video] {text} {link}", text=content.text, link=_file(content.attachment))
        case File():
            return phrase("[file] {text} {link}", text=content.text, link=_file(content.attachment))
        case Location():
            return phrase("[location] {text} {place}", text=content.text, place=_map(content))
        case Recalled():
            return phrase("[recalled]")
        case Custom():
            return encode(content)


def _file(attachment: Attachment) -> Link:
    return linked(attachment.url, attachment.name)


def _map(place: Location) -> Link:
    """Where it is, as numbers that lead to a map."""
    at = f"{place.latitude},{place.longitude}"
    url = f"https://www.openstreetmap.org/?mlat={place.latitude}&mlon={place.longitude}"
    return Link(url, at)


def _csv(rows: list[Message]) -> str:
    """One line for each message."""
    columns = ("time", "from", "conversation", "message", "msg-id", "timestamp")
    return sheet(columns, map(_line, rows))


def _line(row: Message) -> tuple[str | int, ...]:
    text = row.data if isinstance(row.data, str) else encode(row.content)
    return (iso_utc(row.timestamp), row.from_client, row.conversation_id, text, row.msg_id, row.timestamp)


COMMANDS = (history,)
