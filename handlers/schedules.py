"""Schedules: a time, a command line, a channel."""

import secrets
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.cron import GRACE_MS, Schedule
from bridge.errors import NotUnderstood
from bridge.grammar import split
from bridge.invocation import Consent, Trigger
from bridge.parse import understand
from bridge.phrases import Code, Moment, Phrase, Value, phrase
from bridge.reply import Fields, Hint, Paragraph, Part, Quote, Reply, Table
from bridge.values import CommandLine, Reading, When, Zone
from handlers.announcements import unscheduled_file


@command(
    "schedule add",
    Effect.CHANGES,
    'schedule add "0 10 * * sat" --name party -- broadcast news 周六有晚会！',
    "schedule add 2026-12-31T23:55 -- broadcast news Happy new year!",
)
async def add(
    ctx: Context,
    when: Annotated[When, Help("cron with named weekdays, or a date and time")],
    run: Annotated[CommandLine, Help("what to run")],
    *,
    tz: Annotated[Zone | None, Help("the time zone; absent, your own")] = None,
    name: Annotated[str | None, Help("what it is called")] = None,
) -> Reply:
    """Run a command at a time, or again and again."""
    zone = tz or ctx.invocation.actor.zone or "UTC"
    understood = understand(split(run), ctx.registry, Reading(ctx.clock(), zone))
    if understood.command.name.startswith("schedule"):
        raise NotUnderstood(phrase("A schedule cannot run {command}.", command=Code(understood.command.name)))
    if understood.arguments.get("to_file") is not None:
        raise unscheduled_file()
    schedule = Schedule(
        name=name or f"{understood.command.name.replace(' ', '-')}-{secrets.token_hex(2)}",
        when=when,
        zone=zone,
        line=run,
        place=ctx.invocation.place,
        grace_ms=GRACE_MS,
        owner=ctx.invocation.actor.id,
        consent=ctx.invocation.consent or _own_word(ctx),
    )
    await ctx.schedules.add(schedule)
    return Reply(
        phrase("Scheduled {name}.", name=Code(schedule.name)),
        (*_coming(ctx, schedule), *_never_fires_alone(ctx)),
        data=_row(ctx, schedule),
    )


def _own_word(ctx: Context) -> Consent | None:
    """What is made by pressing a button is confirmed by that."""
    return Consent(ctx.invocation.actor.id) if ctx.invocation.trigger is Trigger.BUTTON else None


def _never_fires_alone(ctx: Context) -> tuple[Part, ...]:
    if ctx.invocation.trigger is not Trigger.TERMINAL:
        return ()
    return (Hint(phrase("It fires while {serve} is running.", serve=Code("imbridge serve"))),)


@command("schedule list", Effect.READS, "schedule list")
async def list_(ctx: Context) -> Reply:
    """List the schedules and when each fires next."""
    found = await ctx.schedules.all()
    if not found:
        return Reply(phrase("There are no schedules."), data=[])
    columns = (phrase("Name"), phrase("When"), phrase("Next"), phrase("Command"))
    rows = tuple((Code(each.name), _when(each), _next(ctx, each), Code(each.line)) for each in found)
    return Reply(
        phrase("{count} schedule", plural="{count} schedules", count=len(found)),
        (Table(columns, rows),),
        data=[_row(ctx, each) for each in found],
    )


@command("schedule show", Effect.READS, "schedule show party")
async def show(ctx: Context, name: str) -> Reply:
    """Show a schedule and its next fires."""
    found = await ctx.schedules.show(name)
    return Reply(
        phrase("The schedule {name}", name=Code(found.name)),
        (
            Fields(
                (
                    (phrase("When"), _when(found)),
                    (phrase("State"), phrase("paused") if found.paused else phrase("active")),
                    (phrase("Channel"), found.place.channel or "—"),
                    (phrase("Owner"), found.owner or Code("app.yaml")),
                )
            ),
            Quote(found.line),
            *_coming(ctx, found),
        ),
        data=_row(ctx, found),
    )


@command("schedule pause", Effect.CHANGES, "schedule pause party")
async def pause(ctx: Context, name: str) -> Reply:
    """Stop a schedule for a while."""
    await ctx.schedules.pause(name, paused=True)
    return Reply(phrase("Paused {name}.", name=Code(name)), data={"name": name, "paused": True})


@command("schedule resume", Effect.CHANGES, "schedule resume party")
async def resume(ctx: Context, name: str) -> Reply:
    """Let a paused schedule go on."""
    await ctx.schedules.pause(name, paused=False)
    found = await ctx.schedules.show(name)
    return Reply(
        phrase("{name} goes on.", name=Code(name)),
        tuple(_coming(ctx, found)),
        data={"name": name, "paused": False},
    )


@command("schedule skip", Effect.CHANGES, "schedule skip party")
async def skip(
    ctx: Context, name: str, instant: Annotated[int | None, Help("the missed fire, UTC ms", "INSTANT")] = None
) -> Reply:
    """Leave out the next fire, or a missed one."""
    skipped = await ctx.schedules.skip(name, instant)
    return Reply(
        phrase("{name} leaves out {moment}.", name=Code(name), moment=Moment(skipped)),
        data={"name": name, "skipped": skipped},
    )


@command("schedule run", Effect.REACHES, "schedule run party")
async def run_(
    ctx: Context, name: str, instant: Annotated[int | None, Help("the missed fire, UTC ms", "INSTANT")] = None
) -> Reply:
    """Run a schedule's command now."""
    return await ctx.schedules.run(name, ctx.invocation, ctx.tell, instant)


@command("schedule remove", Effect.CHANGES, "schedule remove party")
async def remove(ctx: Context, name: str) -> Reply:
    """Forget a schedule."""
    await ctx.schedules.remove(name)
    return Reply(phrase("Removed {name}.", name=Code(name)), data={"name": name})


def _when(schedule: Schedule) -> Phrase:
    return phrase("{when} in {zone}", when=Code(schedule.when), zone=schedule.zone)


def _next(ctx: Context, schedule: Schedule) -> Value:
    coming = ctx.schedules.coming(schedule, 1)
    if schedule.paused:
        return phrase("paused")
    return Moment(coming[0]) if coming else phrase("never again")


def _coming(ctx: Context, schedule: Schedule) -> tuple[Part, ...]:
    coming = ctx.schedules.coming(schedule)
    if not coming:
        return (Paragraph(phrase("It never fires again.")),)
    columns = (phrase("Next fires"), phrase("{zone}", zone=schedule.zone), phrase("UTC"))
    return (
        Table(columns, tuple((Moment(at), _local(at, schedule.zone), _local(at, "UTC")) for at in coming)),
    )


def _local(at: int, zone: str) -> str:
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")


def _row(ctx: Context, schedule: Schedule) -> object:
    return {
        "name": schedule.name,
        "when": schedule.when,
        "tz": schedule.zone,
        "channel": schedule.place.channel,
        "run": schedule.line,
        "owner": schedule.owner,
        "paused": schedule.paused,
        "next": list(ctx.schedules.coming(schedule)),
    }


COMMANDS = (add, list_, show, pause, resume, skip, run_, remove)
