"""Deliveries, their parts and changes as rows of the database, and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.database.tables import parts
from bridge.invocation import Place
from bridge.ledger import Act, Delivery, Options, Part, Plan, Reason, State
from bridge.realtime.models import Kind


async def load(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> tuple[Delivery, ...]:
    """The deliveries that a query of theirs finds, with all their parts, in its order."""
    rows = (await connection.execute(query)).all()
    if not rows:
        return ()
    of_these = (
        select(parts)
        .where(parts.c.delivery.in_([row.id for row in rows]))
        .order_by(parts.c.delivery, parts.c.number)
    )
    found: dict[str, list[Part]] = {row.id: [] for row in rows}
    for row in (await connection.execute(of_these)).all():
        found[row.delivery].append(_part(row))
    return tuple(_delivery(row, tuple(found[row.id])) for row in rows)


def _delivery(row: Row[tuple[object, ...]], of: tuple[Part, ...]) -> Delivery:
    options = json.loads(row.options)
    plan = Plan(
        id=row.id,
        act=Act(row.act),
        conversation=row.conversation,
        kind=Kind(row.kind),
        name=row.name,
        sender=row.sender,
        message=row.message,
        text=row.text,
        typed=row.typed,
        push=None if row.push is None else json.loads(row.push),
        options=Options(**{**options, "mentions": tuple(options["mentions"])}),
        audience=tuple(client for part in of for client in part.clients),
    )
    return Delivery(plan, row.request, row.actor, Place(row.team, row.channel), row.at, of, row.due)


def _part(row: Row[tuple[object, ...]]) -> Part:
    return Part(
        number=row.number,
        state=State(row.state),
        clients=tuple(json.loads(row.clients)),
        msg_id=row.msg_id,
        timestamp=row.timestamp,
        reason=Reason(row.reason),
        words=row.words,
        at=row.at,
    )


def delivery_row(delivery: Delivery) -> Mapping[str, object]:
    """A new delivery, which nobody has been told of."""
    plan = delivery.plan
    return {
        "id": plan.id,
        "act": plan.act.value,
        "conversation": plan.conversation,
        "kind": plan.kind.value,
        "name": plan.name,
        "sender": plan.sender,
        "message": plan.message,
        "text": plan.text,
        "typed": plan.typed,
        "push": None if plan.push is None else json.dumps(plan.push, ensure_ascii=False),
        "options": json.dumps(asdict(plan.options)),
        "request": delivery.request,
        "actor": delivery.actor,
        "team": delivery.place.team,
        "channel": delivery.place.channel,
        "at": delivery.at,
        "state": delivery.state.value,
        "due": delivery.due,
        # A proposal is told as such; its result is another thing to tell.
        "told": delivery.state is State.PROPOSED,
    }


def part_row(delivery: str, part: Part, lease: str) -> Mapping[str, object]:
    """A new part; `lease` may begin it."""
    return {
        "delivery": delivery,
        "number": part.number,
        "state": part.state.value,
        "clients": json.dumps(part.clients, ensure_ascii=False),
        "reason": part.reason.value,
        "words": part.words,
        "at": part.at,
        "lease": lease,
    }


def first_change(delivery: Delivery) -> Mapping[str, object]:
    """How its story begins."""
    return {
        "delivery": delivery.id,
        "part": None,
        "state": delivery.state.value,
        "at": delivery.at,
        "who": delivery.actor,
        "reason": Reason.ASKED.value,
        "words": "",
    }
