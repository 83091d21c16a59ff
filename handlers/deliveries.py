"""The ledger: what went out, what is on its way, what is in doubt."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal

from bridge.announcement import ACTS, STATES, announce, data_of, opening, part_data
from bridge.card import cost
from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.delivery import FAMILIES
from bridge.errors import Refused
from bridge.ledger import Act, Answer, Delivery, State
from bridge.phrases import Code, Moment, Phrase, phrase
from bridge.reply import Button, Buttons, Fields, Paragraph, Reply, Table
from bridge.writing import written
from handlers.paging import Span, around, page
from handlers.ranges import refuse_outside

NEWEST = 100
"""How many a list shows unless told otherwise."""
MOST = 1000
MOST_SKIPPED = 10_000
MOST_BUTTONS = 20
LONGEST_PREPARED = 1_000
"""Characters: a button holds no more of a line than that."""
DeliveryId = Annotated[str, Help("as its reply and the list show it", "ID")]


@command("delivery list", Effect.READS, "delivery list", "delivery list --state unknown")
async def list_(
    ctx: Context,
    *,
    state: Literal["proposed", "planned", "sending", "sent", "refused", "unknown", "canceled"] | None = None,
    limit: Annotated[int, Help("how many, the newest first")] = NEWEST,
    skip: int = 0,
) -> Reply:
    """List what was sent and how it went."""
    refuse_outside("--limit", limit, 1, MOST)
    refuse_outside("--skip", skip, 0, MOST_SKIPPED)
    found = (await ctx.deliveries.newest(skip + limit, State(state) if state else None))[skip:]
    if not found:
        return Reply(phrase("There is no such delivery."), data=[])
    columns = (phrase("Time"), phrase("State"), phrase("What"), phrase("Text"), phrase("Delivery"))
    rows = [
        (Moment(each.at), STATES[each.state], ACTS[each.plan.act], opening(each.plan.text), Code(each.id))
        for each in found
    ]
    shown = page(ctx, rows)
    words: dict[str, list[str]] = {"state": [state] if state else [], "limit": [str(limit)]}
    span = Span(skip, shown, limit, full=shown < len(found) or len(found) == limit)
    return Reply(
        phrase("{count} delivery", plural="{count} deliveries", count=len(found)),
        (Table(columns, tuple(rows[:shown])), *around(ctx, list_, words, span)),
        data=[_row(each) for each in found],
    )


@command("delivery show", Effect.READS, "delivery show 4k2m9x7c1b")
async def show(ctx: Context, delivery: DeliveryId) -> Reply:
    """Show a delivery as it stands."""
    found = await ctx.deliveries.show(delivery)
    if found is None:
        raise _unknown(delivery)
    return replace(announce(found), data=_row(found), private=False, failure=None)


@command("delivery cancel", Effect.STOPS, "delivery cancel 4k2m9x7c1b")
async def cancel(ctx: Context, delivery: DeliveryId) -> Reply:
    """Stop what has not gone out yet."""
    before = await ctx.deliveries.show(delivery)
    if before is None:
        raise _unknown(delivery)
    if before.count(State.PROPOSED, State.PLANNED) == 0:
        raise Refused(
            phrase("There is nothing left to stop: it is {state}.", state=STATES[before.state]),
            code="nothing_to_stop",
        )
    after = await ctx.deliveries.cancel(delivery, ctx.invocation.actor.id)
    stopped = after or before
    return Reply(
        phrase(
            "Stopped {count} call that had not gone out.",
            plural="Stopped {count} calls that had not gone out.",
            count=stopped.count(State.CANCELED),
        ),
        announce(stopped).parts,
        data=_row(stopped),
    )


@command("delivery correct", Effect.READS, "delivery correct 4k2m9x7c1b")
async def correct(ctx: Context, delivery: DeliveryId) -> Reply:
    """Say what can still be done about what went out, and prepare it."""
    found = await ctx.deliveries.show(delivery)
    if found is None:
        raise _unknown(delivery)
    sent = [part.msg_id for part in found.parts if part.state is State.SENT and part.msg_id]
    if not sent:
        raise Refused(
            phrase("There is nothing to take back: it is {state}.", state=STATES[found.state]),
            hint=phrase("Stop it with {command}.", command=Code(f"delivery cancel {delivery}")),
            code="nothing_to_correct",
        )
    left = await ctx.realtime.pacer.left(FAMILIES[found.plan.act])
    return Reply(
        phrase("What can be done about “{text}”", text=opening(found.plan.text)),
        (
            Paragraph(_reach(found.plan.act)),
            Fields(((phrase("Quota"), cost(len(sent), left)),)),
            Buttons(tuple(_corrections(ctx, found, sent))),
        ),
        data={"delivery": delivery, "msg-ids": sent},
        private=True,
    )


def _reach(act: Act) -> Phrase:
    if act is Act.BROADCAST:
        return phrase(
            "Who has it keeps it: the service can't recall a broadcast. Who has not been online since can be spared it."
        )
    return phrase("It can be recalled: devices that have it show that it was, and nobody else gets it.")


def _corrections(ctx: Context, delivery: Delivery, sent: list[str]) -> Iterator[Button]:
    """A button for each message that can be taken back, and one that begins a correction."""
    plan = delivery.plan
    take_back = "broadcasts delete" if plan.act is Act.BROADCAST else "message recall"
    label = phrase("Spare the others") if plan.act is Act.BROADCAST else phrase("Recall")
    for msg_id in sent[:MOST_BUTTONS]:
        yield Button(label, f"{take_back} {plan.conversation} {msg_id}", danger=True)
    text = [plan.text] if len(plan.text) <= LONGEST_PREPARED else []
    again = {"conv": [plan.conversation], "text": text, "from_": [plan.sender], "to": plan.audience}
    line = written(ctx.registry.commands[plan.act.value], again, ctx.registry)
    yield Button(phrase("Write a correction"), line, fills=True)


@command("delivery resolve", Effect.REACHES, "delivery resolve 4k2m9x7c1b sent")
async def resolve(
    ctx: Context,
    delivery: DeliveryId,
    answer: Annotated[Literal["sent", "again", "give-up"], Help("it went out; send it again; leave it")],
) -> Reply:
    """Decide what is done about a delivery that may have gone out or not."""
    settled = await ctx.deliveries.resolve(delivery, Answer(answer), ctx.invocation.actor.id, ctx.tell)
    if settled is None:
        raise _unknown(delivery)
    told = replace(announce(settled), data=_row(settled))
    # Given up is what was asked for, not what went wrong.
    return replace(told, failure=None) if settled.state is State.CANCELED else told


def _unknown(delivery: str) -> Refused:
    return Refused(
        phrase("There is no delivery {id}.", id=Code(delivery)),
        hint=phrase("See them with {command}.", command=Code("delivery list")),
        code="not_found",
    )


def _row(delivery: Delivery) -> object:
    return {
        **data_of(delivery),
        "act": delivery.plan.act.value,
        "conv-id": delivery.plan.conversation,
        "from": delivery.plan.sender,
        "text": delivery.plan.text,
        "actor": delivery.actor,
        "at": delivery.at,
        "parts": [part_data(part) for part in delivery.parts],
    }


COMMANDS = (list_, show, cancel, correct, resolve)
