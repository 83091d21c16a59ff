"""Somebody's word: given, refused, and what waits for it."""

from dataclasses import replace
from typing import Annotated

from bridge.announcement import announce
from bridge.card import outcome_data
from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.errors import Refused
from bridge.ledger import Act
from bridge.phrases import Code, Moment, phrase
from bridge.reply import Button, Buttons, Quote, Reply, Table
from bridge.values import Text
from handlers.composing import tried

ProposalId = Annotated[str, Help("as its card shows it", "ID")]


@command("approve", Effect.ANSWERS, "approve 4k2m9x7c1b")
async def approve(ctx: Context, proposal: ProposalId) -> Reply:
    """Give your word for what is proposed: it is carried out exactly as its card shows it."""
    return await ctx.approvals.approve(proposal, ctx.invocation, ctx.tell)


@command("reject", Effect.ANSWERS, "reject 4k2m9x7c1b", "reject 4k2m9x7c1b wrong date")
async def reject(
    ctx: Context, proposal: ProposalId, reason: Annotated[Text | None, Help("why")] = None
) -> Reply:
    """Have what is proposed come to nothing."""
    found = await ctx.approvals.reject(proposal, ctx.invocation.actor)
    told = (Quote(found.line), Quote(reason)) if reason else (Quote(found.line),)
    return Reply(
        phrase("Rejected by {who}: {id}", who=Code(found.who), id=Code(found.id)),
        told,
        data=outcome_data(found),
    )


@command("preview", Effect.ANSWERS, "preview 4k2m9x7c1b")
async def preview(ctx: Context, proposal: ProposalId) -> Reply:
    """Send what is proposed to yourself first, as everyone would get it."""
    found = await ctx.approvals.asked(proposal, ctx.invocation.actor)
    delivery = await ctx.deliveries.show(found.id)
    if delivery is None or delivery.plan.act is Act.SEND:
        raise Refused(
            phrase("Only what a system conversation says can be sent to one user first."), code="wrong_kind"
        )
    client = ctx.defaults.people.get(ctx.invocation.actor.id)
    if client is None:
        raise Refused(
            phrase("Nobody knows which user of the app you are."),
            hint=phrase(
                "Have your client id written under {key} in {file}.",
                key=Code("people"),
                file=Code("app.yaml"),
            ),
            code="not_found",
        )
    sent = await ctx.deliveries.carry_out(tried(delivery.plan, client), ctx.invocation, ctx.tell)
    return replace(announce(sent), private=True)


@command("approvals", Effect.READS, "approvals")
async def approvals(ctx: Context) -> Reply:
    """List what waits for somebody's word."""
    found = await ctx.approvals.waiting()
    if not found:
        return Reply(phrase("Nothing waits for anybody's word."), data=[], private=True)
    columns = (phrase("Proposal"), phrase("By"), phrase("Until"), phrase("Wants"), phrase("Command"))
    rows = tuple(
        (
            Code(each.id),
            Code(each.author),
            Moment(each.until),
            phrase("its author") if each.role is None else phrase("the role {role}", role=Code(each.role)),
            Code(each.line),
        )
        for each in found
    )
    mine = tuple(
        Button(phrase("Approve {id}", id=each.id), f"approve {each.id}")
        for each in found
        if ctx.authority.may_answer(each, ctx.invocation.actor) is None
    )
    return Reply(
        phrase("{count} proposal waits.", plural="{count} proposals wait.", count=len(found)),
        (Table(columns, rows), *((Buttons(mine),) if mine else ())),
        data=[
            {
                "proposal": each.id,
                "command": each.command,
                "actor": each.author,
                "until": each.until,
                "role": each.role,
            }
            for each in found
        ],
        private=True,
    )


COMMANDS = (approve, reject, preview, approvals)
