"""The Home of whoever opens it: what waits for them, what is coming, what goes out, and what they may do."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import reduce
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bridge.announcement import ACTS, STATES, announce, audience, opening
from bridge.commands import Command
from bridge.context import Context
from bridge.cron import Schedule, fires_after
from bridge.errors import NotUnderstood
from bridge.freezing import Frozen
from bridge.grammar import split
from bridge.ledger import Delivery, State
from bridge.parse import as_typed
from bridge.phrases import Code, Moment, Phrase, Value, phrase
from bridge.policy import Verdict
from bridge.proposals import Proposal
from bridge.realtime.errors import RealtimeError
from bridge.realtime.limits import Family
from bridge.realtime.pacing import Left
from bridge.reply import Button, Buttons, Fields, Heading, Hint, Paragraph, Part, Quote, Reply, Tone
from handlers.quota import SAID

MOST_PROPOSALS = 5
MOST_RUNNING = 5
MOST_RECENT = 8
RECENT_LOOKED_AT = 50
LONGEST_SHOWN = 1_500
"""Characters: nobody approves here what they can't read here."""
MOST_A_DAY = 5
DAYS = 7
METER = 10
PATIENCE = 2.0
"""Seconds that the service is waited for."""

WEEKDAYS = (
    phrase("Monday"),
    phrase("Tuesday"),
    phrase("Wednesday"),
    phrase("Thursday"),
    phrase("Friday"),
    phrase("Saturday"),
    phrase("Sunday"),
)
OFFERED = {
    "broadcast": phrase("Broadcast"),
    "publish": phrase("Tell subscribers"),
    "notify": phrase("Tell chosen users"),
    "send": phrase("Send to a conversation"),
    "schedule add": phrase("Schedule something"),
    "conv create": phrase("Create a conversation"),
    "subscriber add": phrase("Add a subscriber"),
    "history": phrase("Read messages"),
    "conv list": phrase("Conversations"),
    "schedule list": phrase("Schedules"),
    "delivery list": phrase("Deliveries"),
    "help": phrase("All commands"),
}
"""What is offered as a button, in this order."""
ASKS = frozenset({"history"})
"""Commands that need more than their signatures say."""


async def home(ctx: Context) -> Reply:
    """What this person may see, no more than the commands would tell them."""
    runnable = ctx.authority.runnable(ctx.invocation)
    if not runnable:
        why = ctx.authority.some(ctx.registry.commands["help"], ctx.invocation).why
        return Reply(phrase("There is nothing for you to do here."), (Paragraph(why),), tone=Tone.TOLD)
    frozen = await ctx.freezer.now()
    parts = [
        *_frozen(frozen),
        *await _waiting(ctx),
        *_offers(runnable, stop=frozen is None),
        *await _week(ctx),
        *await _running(ctx),
        *await _health(ctx),
        *await _quota(ctx),
        *await _recent(ctx),
    ]
    title = phrase("As it stands at {moment}", moment=Moment(ctx.clock()))
    return Reply(title, tuple(_pressable(ctx, runnable, parts)), tone=Tone.TOLD)


def _pressable(ctx: Context, runnable: tuple[Command, ...], parts: Iterable[Part]) -> Iterator[Part]:
    """The parts without the buttons that would be refused."""
    for part in parts:
        if not isinstance(part, Buttons):
            yield part
            continue
        kept = tuple(each for each in part.buttons if ctx.registry.find(split(each.line))[0] in runnable)
        if kept:
            yield Buttons(kept)


def _sees(ctx: Context, name: str) -> bool:
    """Whether a command would answer at once."""
    decision = ctx.authority.some(ctx.registry.commands[name], ctx.invocation)
    return decision.verdict is Verdict.ALLOWED


def _frozen(frozen: Frozen | None) -> tuple[Part, ...]:
    if frozen is None:
        return ()
    told = phrase("Everything is frozen, by {who} since {moment}.", who=frozen.who, moment=Moment(frozen.at))
    return Paragraph(told), Buttons((Button(phrase("Unfreeze"), "unfreeze"),))


async def _waiting(ctx: Context) -> list[Part]:
    """What this person can say yes or no to, and what they have proposed themselves."""
    actor = ctx.invocation.actor
    answerable = {
        each: ctx.authority.may_answer(each, actor) is None for each in await ctx.approvals.waiting()
    }
    mine = [each for each, may in answerable.items() if may or each.author == actor.id]
    parts: list[Part] = [Heading(phrase("Waiting for a word"))]
    for each in mine[:MOST_PROPOSALS]:
        parts += await _proposal(ctx, each, may=answerable[each])
    if not mine:
        parts.append(Hint(phrase("Nothing waits for yours.")))
    if len(mine) > MOST_PROPOSALS:
        parts.append(_further(len(mine) - MOST_PROPOSALS, "approvals"))
    return parts


async def _proposal(ctx: Context, proposal: Proposal, *, may: bool) -> list[Part]:
    delivery = await ctx.deliveries.show(proposal.id) if proposal.announces else None
    rows: list[tuple[Phrase, Value]] = [
        (phrase("By"), Code(proposal.author)),
        (phrase("Until"), Moment(proposal.until)),
    ]
    shown = [proposal.line]
    if delivery is not None:
        rows += [(phrase("To"), audience(delivery.plan)), (phrase("From"), delivery.plan.sender)]
        shown.append(delivery.plan.text)
    reject = Button(phrase("Reject"), f"reject {proposal.id}")
    if sum(map(len, shown)) > LONGEST_SHOWN:
        told = phrase("It is too long to be read here: answer where it was proposed.")
        return [Quote(opening(shown[-1])), Fields(tuple(rows)), Hint(told), Buttons((reject,))]
    label = phrase("Confirm") if proposal.role is None else phrase("Approve")
    yes = (Button(label, f"approve {proposal.id}"),) if may else ()
    return [*map(Quote, shown), Fields(tuple(rows)), Buttons((*yes, reject))]


class _Coming(NamedTuple):
    at: datetime
    name: str
    text: str
    more: bool


async def _week(ctx: Context) -> list[Part]:
    """What reaches many in the next seven days, as the reader's own clock has them."""
    if not _sees(ctx, "schedule list"):
        return []
    zone = ZoneInfo(ctx.invocation.actor.zone or "UTC")
    now = ctx.clock()
    today = datetime.fromtimestamp(now / 1000, zone).date()
    announcing = [
        (each, text)
        for each in await ctx.schedules.all()
        if not each.paused and (text := _announced(ctx, each)) is not None
    ]
    rows = []
    for day in (today + timedelta(days=number) for number in range(DAYS)):
        start = datetime.combine(day, time.min, zone)
        end = datetime.combine(day + timedelta(days=1), time.min, zone)
        coming = sorted(_on_a_day(announcing, max(now, _ms(start) - 1), _ms(end), zone))
        label = phrase("{weekday} {day}", weekday=WEEKDAYS[day.weekday()], day=day.day)
        rows.append((label, _told(coming)))
    heading = Heading(phrase("The next seven days"))
    if not any(value for _, value in rows):
        return [heading, Hint(phrase("No announcement is scheduled."))]
    return [heading, Fields(tuple(rows)), Hint(phrase("Times are those of {zone}.", zone=zone.key))]


def _announced(ctx: Context, schedule: Schedule) -> str | None:
    """The text of what a schedule announces to many; None: it announces nothing."""
    try:
        typed = as_typed(split(schedule.line), ctx.registry)
    except NotUnderstood:
        return None
    many = typed.command.announces and typed.command.name != "send"
    return opening("".join(typed.words.get("text", ())) or schedule.line) if many else None


def _on_a_day(
    announcing: Iterable[tuple[Schedule, str]], after: int, end: int, zone: ZoneInfo
) -> Iterator[_Coming]:
    for schedule, text in announcing:
        fires = fires_after(schedule, after)
        first, second = next(fires, end), next(fires, end)
        if first < end:
            yield _Coming(datetime.fromtimestamp(first / 1000, zone), schedule.name, text, more=second < end)


def _told(coming: list[_Coming]) -> Value:
    if not coming:
        return ""
    told = [_once(each) for each in coming[:MOST_A_DAY]]
    if len(coming) > MOST_A_DAY:
        told.append(phrase("{count} more", plural="{count} more", count=len(coming) - MOST_A_DAY))
    return reduce(lambda one, other: phrase("{one}; {other}", one=one, other=other), told)


def _once(coming: _Coming) -> Phrase:
    at = f"{coming.at:%H:%M}"
    if coming.more:
        return phrase("{at} and later {name} “{text}”", at=at, name=Code(coming.name), text=coming.text)
    return phrase("{at} {name} “{text}”", at=at, name=Code(coming.name), text=coming.text)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


async def _running(ctx: Context) -> list[Part]:
    """What is going out or in doubt, with what can be done about it."""
    if not _sees(ctx, "delivery list"):
        return []
    parts: list[Part] = [Heading(phrase("On its way"))]
    for state in (State.SENDING, State.PLANNED, State.UNKNOWN):
        found = await ctx.deliveries.newest(MOST_RUNNING + 1, state)
        for each in found[:MOST_RUNNING]:
            reply = announce(each)
            parts += [Paragraph(reply.title), *map(_unsettling, reply.parts)]
        if len(found) > MOST_RUNNING:
            parts.append(_others(f"delivery list --state {state.value}"))
    return parts if len(parts) > 1 else [*parts, Hint(phrase("Nothing is being sent."))]


def _unsettling(part: Part) -> Part:
    """What comes of a button here takes the place of no message."""
    if isinstance(part, Buttons):
        return Buttons(tuple(replace(each, settles=False) for each in part.buttons))
    return part


async def _health(ctx: Context) -> list[Part]:
    heading = Heading(phrase("The messaging service"))
    asked = ctx.clock()
    try:
        async with asyncio.timeout(PATIENCE):
            stats = await ctx.realtime.stats()
    except (RealtimeError, TimeoutError):
        told = phrase("It gave no answer within {seconds} s.", seconds=int(PATIENCE))
        return [heading, Paragraph(told)]
    rows: list[tuple[Phrase, Value]] = [
        (phrase("Answers"), phrase("after {ms} ms", ms=max(0, ctx.clock() - asked)))
    ]
    if _sees(ctx, "stats"):
        rows.append((phrase("Online now"), stats.online_user_count))
    return [heading, Fields(tuple(rows))]


async def _quota(ctx: Context) -> list[Part]:
    if not _sees(ctx, "quota"):
        return []
    left = [(SAID[family], await ctx.realtime.pacer.left(family)) for family in Family]
    return [
        Heading(phrase("What the plan still allows")),
        Fields(tuple((said, _meter(each)) for said, each in left)),
    ]


def _meter(left: Left) -> Value:
    if left.per_minute is None or not left.minute_total:
        minute = phrase("no limit")
    else:
        filled = -(-METER * max(0, left.per_minute) // left.minute_total)
        minute = phrase(
            "{bar} {left} of {total} this minute",
            bar="■" * filled + "□" * (METER - filled),
            left=left.per_minute,
            total=left.minute_total,
        )
    if left.per_day is None:
        return minute
    return phrase("{minute}, {left} today", minute=minute, left=left.per_day)


async def _recent(ctx: Context) -> list[Part]:
    """The newest deliveries of all, and of one's own."""
    if not _sees(ctx, "delivery list"):
        return []
    who = ctx.invocation.actor.id
    found = await ctx.deliveries.newest(RECENT_LOOKED_AT)
    own = [each for each in found if each.actor == who][: MOST_RECENT // 2]
    others = [each for each in found if each not in own][: MOST_RECENT - len(own)]
    shown = sorted([*own, *others], key=lambda each: -each.at)
    heading = Heading(phrase("Lately"))
    if not shown:
        return [heading, Hint(phrase("Nothing has been sent yet."))]
    return [heading, Fields(tuple(_line(each, who) for each in shown))]


def _line(delivery: Delivery, who: str) -> tuple[Phrase, Value]:
    author: Value = phrase("you") if delivery.actor == who else Code(delivery.actor)
    told = phrase(
        "{state} · {act} “{text}” · {who}",
        state=STATES[delivery.state],
        act=ACTS[delivery.plan.act],
        text=opening(delivery.plan.text),
        who=author,
    )
    return phrase("{moment}", moment=Moment(delivery.at)), told


def _offers(runnable: tuple[Command, ...], *, stop: bool) -> list[Part]:
    by_name = {each.name: each for each in runnable}
    buttons = [
        Button(label, name, fills=_asks(by_name[name])) for name, label in OFFERED.items() if name in by_name
    ]
    if stop:
        buttons.append(Button(phrase("Freeze everything"), "freeze", danger=True))
    return [Heading(phrase("What you may do")), Buttons(tuple(buttons))]


def _asks(command: Command) -> bool:
    return command.name in ASKS or any(each.required for each in command.parameters)


def _further(count: int, line: str) -> Hint:
    return Hint(
        phrase(
            "{count} more: see it with {command}.",
            plural="{count} more: see them with {command}.",
            count=count,
            command=Code(line),
        )
    )


def _others(line: str) -> Hint:
    return Hint(phrase("There are more: see them with {command}.", command=Code(line)))
