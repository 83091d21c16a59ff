"""Announcements: to chosen users, to subscribers, to everyone."""

from dataclasses import dataclass
from typing import Annotated

from bridge.announcement import Announcement
from bridge.audiences import Audience
from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import BridgeError, NotUnderstood, Refused
from bridge.invocation import Trigger
from bridge.ledger import Act, Options
from bridge.phrases import Code, Moment, Phrase, Value, phrase
from bridge.realtime.models import Kind
from bridge.reply import Fields
from bridge.values import ClientId, ConversationRef, Text, Until
from handlers.composing import Composing, Saying, plan
from handlers.kinds import of_kind

MONTH_MS = 31 * 86_400_000
SPEAKS_OTHERWISE = {Kind.NORMAL: "send", Kind.TRANSIENT: "send"}
SAMPLE = 5
"""How many of the users are named."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom a notification is for, said in one of three ways."""

    to: Annotated[tuple[ClientId, ...], Help("whom it is for, any number")] = ()
    to_list: Annotated[str | None, Help("a list of app.yaml")] = None
    to_file: Annotated[
        str | None, Help("the link of an uploaded CSV file; in the terminal, its path", "CSV")
    ] = None


@command(
    "notify",
    Effect.REACHES,
    "notify news Your refund has arrived. --to tom,jerry",
    "notify news 您的退款已到账。 --to tom",
    "notify news The beta begins tomorrow. --to-list testers",
)
async def notify(
    ctx: Context,
    conv: ConversationRef,
    text: Text | None = None,
    *,
    chosen: Chosen,
    composing: Composing,
) -> Announcement:
    """Send a system message to chosen users."""
    audience = await _audience(ctx, chosen)
    found = await of_kind(ctx, conv, Kind.SYSTEM, SPEAKS_OTHERWISE)
    saying = Saying(Act.NOTIFY, found, text, audience=audience.clients)
    return Announcement(plan(ctx, saying, composing), (_described(audience),))


async def _audience(ctx: Context, chosen: Chosen) -> Audience:
    """Whom the options name. NotUnderstood: nobody, or in two ways at once. Refused: a list that can't be used."""
    ways = [
        option
        for option, given in (
            ("--to", bool(chosen.to)),
            ("--to-list", chosen.to_list is not None),
            ("--to-file", chosen.to_file is not None),
        )
        if given
    ]
    if len(ways) != 1:
        problem = (
            phrase(
                "Whom is it for? Say it in one way, not in several: {options}.", options=Code(" ".join(ways))
            )
            if ways
            else phrase(
                "Whom is it for? {to} or {list} is missing.",
                to=Code("--to ID,..."),
                list=Code("--to-list NAME"),
            )
        )
        code = "bad_value" if ways else "missing_argument"
        raise NotUnderstood(problem, code=code, parameter="to")
    try:
        return await _looked_up(ctx, chosen)
    except BridgeError as error:
        error.parameter = "to_file" if chosen.to_file is not None else "to_list"
        raise


async def _looked_up(ctx: Context, chosen: Chosen) -> Audience:
    if chosen.to_list is not None:
        return await ctx.audiences.named(chosen.to_list)
    if chosen.to_file is None:
        return Audience.of(chosen.to)
    match ctx.invocation.trigger:
        case Trigger.TERMINAL:
            return await ctx.audiences.file(chosen.to_file)
        case Trigger.SCHEDULE:
            raise unscheduled_file()
        case Trigger.SLASH | Trigger.MENTION | Trigger.BUTTON | Trigger.FORM:
            return await ctx.audiences.uploaded(chosen.to_file, ctx.invocation)


def unscheduled_file() -> Refused:
    """A schedule's audience is not for whoever can change a file to decide."""
    return Refused(
        phrase("A schedule takes no {option}: the file may be another by then.", option=Code("--to-file")),
        hint=phrase("Name a list of {file} with {list}.", file=Code("app.yaml"), list=Code("--to-list NAME")),
        code="no_file",
        parameter="to_file",
    )


def _described(audience: Audience) -> Fields:
    shown = ", ".join(audience.clients[:SAMPLE])
    count = len(audience.clients)
    sample: Value = phrase("{shown}, … ({count})", shown=shown, count=count) if count > SAMPLE else shown
    rows: list[tuple[Phrase, Value]] = [(phrase("Users"), sample)]
    if audience.repeated:
        rows.append((phrase("There twice"), audience.repeated))
    return Fields(tuple(rows))


@command("publish", Effect.REACHES, "publish news The new season has begun.")
async def publish(
    ctx: Context, conv: ConversationRef, text: Text | None = None, *, composing: Composing
) -> Announcement:
    """Send a message to all subscribers of a system conversation."""
    found = await of_kind(ctx, conv, Kind.SYSTEM, SPEAKS_OTHERWISE)
    return Announcement(plan(ctx, Saying(Act.PUBLISH, found, text), composing))


@command(
    "broadcast",
    Effect.REACHES,
    "broadcast news 周六有晚会！",
    'broadcast news "Maintenance at 3:00" --valid-till 2h --push "Maintenance at 3:00"',
)
async def broadcast(  # noqa: PLR0913 - one argument for each word of the grammar
    ctx: Context,
    conv: ConversationRef,
    text: Text | None = None,
    *,
    valid_till: Annotated[Until | None, Help("until when those who were offline still get it")] = None,
    transient: Annotated[bool, Help("only for those online now; not kept")] = False,
    composing: Composing,
) -> Announcement:
    """Send a message to every user of the app."""
    _refuse_bad_validity(ctx.clock(), valid_till)
    found = await of_kind(ctx, conv, Kind.SYSTEM, SPEAKS_OTHERWISE)
    saying = Saying(Act.BROADCAST, found, text, Options(transient=transient, valid_till=valid_till))
    return Announcement(plan(ctx, saying, composing))


def _refuse_bad_validity(now: int, valid_till: int | None) -> None:
    if valid_till is None:
        return
    if valid_till <= now:
        raise Refused(
            phrase(
                "{option} is in the past: {moment}", option=Code("--valid-till"), moment=Moment(valid_till)
            ),
            hint=phrase("A duration counts from now: {example}", example=Code("--valid-till 2h")),
            code="in_the_past",
            parameter="valid_till",
        )
    if valid_till > now + MONTH_MS:
        raise Refused(
            phrase(
                "{option} is more than a month ahead: {moment}",
                option=Code("--valid-till"),
                moment=Moment(valid_till),
            ),
            hint=phrase("The service keeps a broadcast for a month at most."),
            code="too_far",
            parameter="valid_till",
        )


COMMANDS = (notify, publish, broadcast)
