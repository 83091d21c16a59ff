"""The ledger: what went out, what is on its way, what is in doubt."""

from typing import Annotated, Literal

from bridge.announcement import announce, data_of, opening, part_data
from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import NotUnderstood, Refused
from bridge.ledger import Delivery, State
from bridge.phrases import Code, Moment, phrase
from bridge.reply import Reply, Table

NEWEST = 100
"""How many a list shows unless told otherwise."""


@command("delivery list", Effect.READS, "delivery list", "delivery list --state unknown")
async def list_(
    ctx: Context,
    *,
    state: Literal["proposed", "planned", "sending", "sent", "refused", "unknown", "canceled"] | None = None,
    limit: Annotated[int, Help("how many, the newest first")] = NEWEST,
) -> Reply:
    """List what was sent and how it went."""
    if not 1 <= limit <= 1000:
        raise NotUnderstood(
            phrase("{option} goes from {least} to {most}.", option=Code("--limit"), least=1, most=1000),
            code="bad_value",
        )
    found = await ctx.deliveries.newest(limit, State(state) if state else None)
    if not found:
        return Reply(phrase("There is no such delivery."), data=[])
    columns = (phrase("Time"), phrase("State"), phrase("What"), phrase("Text"), phrase("Delivery"))
    rows = tuple(
        (Moment(each.at), each.state.value, each.plan.act.value, opening(each.plan.text), Code(each.id))
        for each in found
    )
    return Reply(
        phrase("{count} delivery", plural="{count} deliveries", count=len(found)),
        (Table(columns, rows),),
        data=[_row(each) for each in found],
    )


@command("delivery show", Effect.READS, "delivery show 4k2m9x7c1b")
async def show(ctx: Context, delivery: str) -> Reply:
    """Show a delivery as it stands."""
    found = await ctx.deliveries.show(delivery)
    if found is None:
        raise _unknown(delivery)
    return Reply(announce(found).title, announce(found).parts, data=_row(found))


@command("delivery cancel", Effect.CHANGES, "delivery cancel 4k2m9x7c1b")
async def cancel(ctx: Context, delivery: str) -> Reply:
    """Stop what has not gone out yet."""
    before = await ctx.deliveries.show(delivery)
    if before is None:
        raise _unknown(delivery)
    if before.count(State.PLANNED) == 0:
        raise Refused(phrase("There is nothing left to stop: it is {state}.", state=before.state.value))
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


COMMANDS = (list_, show, cancel)
