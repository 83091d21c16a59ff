"""The audit: who asked for what, and what came of it."""

from collections.abc import Mapping
from typing import Annotated

from bridge.audit import Query, Row, Stage
from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import Refused
from bridge.phrases import Code, Moment, Value, iso_utc, phrase
from bridge.reply import File, Hint, Part, Reply, Table
from bridge.values import ClientId, ConversationRef, Since
from handlers.ranges import refuse_outside
from handlers.sheets import sheet

MOST = 100_000
"""Rows of one answer; what there is beyond is asked for with `--until`."""


@command(
    "audit",
    Effect.READS_MESSAGES,
    "audit --actor U012ABCDEF --since 2d",
    "audit --client tom --limit 20",
    "audit --conv lobby --since 2026-11-01 --csv",
)
async def audit(  # noqa: PLR0913 - one argument for each word of the grammar
    ctx: Context,
    *,
    actor: Annotated[str | None, Help("what this person asked for, by Slack user id", "ID")] = None,
    client: Annotated[ClientId | None, Help("what names this user of the app")] = None,
    conv: Annotated[ConversationRef | None, Help("what was about this conversation")] = None,
    since: Annotated[Since | None, Help("not earlier")] = None,
    until: Annotated[Since | None, Help("not later")] = None,
    limit: Annotated[int, Help("how many, the newest first, 100 unless said")] = 100,
    csv: Annotated[bool, Help("as a file, which all in the channel can open")] = False,
) -> Reply:
    """Show who asked for what, who approved it and what came of it."""
    refuse_outside("--limit", limit, 1, MOST)
    if since is not None and until is not None and since > until:
        raise Refused(
            phrase("{after} must be earlier than {before}.", after=Code("--since"), before=Code("--until")),
            code="bad_value",
        )
    names = () if conv is None else await _names(ctx, conv)
    rows = await ctx.audit.search(Query(actor, client, names, since, until, limit))
    if not rows:
        return Reply(phrase("Nothing of that kind was recorded."), data=[], private=True)
    data = [_data(row) for row in rows]
    shown: Part = File("audit.csv", _csv(rows)) if csv else _table(rows)
    oldest = Code(f"--until {rows[-1].entry.at}")
    more = (Hint(phrase("There may be more: {option}", option=oldest)),) if len(rows) == limit else ()
    title = phrase("{count} record", plural="{count} records", count=len(rows))
    # Slack keeps no file to one reader.
    return Reply(title, (shown, *more), data=data, private=not csv)


async def _names(ctx: Context, conv: ConversationRef) -> tuple[str, ...]:
    """What a conversation may stand under: its id, its name, what was typed, which may be all that is left."""
    try:
        found = await ctx.conversations.resolve(conv)
    except Refused as error:
        if error.code != "not_found":
            raise
        return (conv,)
    return tuple({found.id, found.name or conv, conv})


def _table(rows: tuple[Row, ...]) -> Table:
    columns = (
        *(phrase("Time"), phrase("Who"), phrase("Asked for"), phrase("Rule"), phrase("Consent")),
        *(phrase("Outcome"), phrase("Delivery")),
    )
    return Table(columns, tuple(_cells(row) for row in rows))


def _cells(row: Row) -> tuple[Value, ...]:
    entry = row.entry
    gone = phrase("{command} (its text is deleted)", command=Code(entry.command))
    outcome = phrase("asked") if entry.stage == Stage.ASKED else entry.outcome
    return (
        *(Moment(entry.at), entry.actor, gone if entry.body is None else entry.body, entry.rule),
        *(entry.consent, outcome, Code(entry.delivery) if entry.delivery else ""),
    )


def _data(row: Row) -> Mapping[str, str | int | list[str] | None]:
    entry = row.entry
    return {
        "at": entry.at,
        "actor": entry.actor,
        "team": entry.place.team,
        "channel": entry.place.channel,
        "trigger": entry.trigger,
        "stage": entry.stage,
        "command": entry.command,
        "text": entry.body,
        "rule": entry.rule,
        "verdict": entry.verdict,
        "consent": entry.consent,
        "outcome": entry.outcome,
        "delivery": entry.delivery,
        "msg-ids": list(entry.msg_ids),
        "conv-id": entry.conversation,
        "clients": list(entry.clients),
        "invocation": entry.invocation,
        "chain": row.chain,
        "number": row.number,
        "hash": row.hash,
    }


def _csv(rows: tuple[Row, ...]) -> str:
    """One line for each row, with its place in the chain: a copy kept elsewhere bears witness."""
    lines = ((iso_utc(row.entry.at), *map(_cell, _data(row).values())) for row in rows)
    return sheet(("time", *_data(rows[0])), lines)


def _cell(value: str | int | list[str] | None) -> str | int:
    return " ".join(value) if isinstance(value, list) else "" if value is None else value


COMMANDS = (audit,)
