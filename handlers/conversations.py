"""Conversations: create, list, show, change, delete."""

import json
from typing import Annotated, Any, Literal

from bridge.commands import Effect, Help, command
from bridge.context import Context
from bridge.conversations import KINDS
from bridge.errors import NotUnderstood
from bridge.phrases import Code, Moment, Phrase, Value, phrase
from bridge.realtime.models import Conversation, Kind, NewConversation
from bridge.reply import Button, Buttons, Fields, Json, Part, Reply, Table
from bridge.values import Attribute, ClientId, ConversationRef, JsonObject
from handlers.kinds import title_of
from handlers.paging import Span, around, page
from handlers.ranges import refuse_outside

CHOICES: dict[str, Kind | None] = {
    "normal": Kind.NORMAL,
    "system": Kind.SYSTEM,
    "transient": Kind.TRANSIENT,
    "all": None,
}
SYSTEM_STEPS = {
    "broadcast": phrase("Broadcast"),
    "publish": phrase("Tell subscribers"),
    "notify": phrase("Tell chosen users"),
    "broadcasts list": phrase("Its broadcasts"),
    "subscriber list": phrase("Its subscribers"),
    "conv set": phrase("Change it"),
}
STEPS = {
    "send": phrase("Send to it"),
    "history": phrase("Read it"),
    "member list": phrase("Its members"),
    "member add": phrase("Add members"),
    "conv set": phrase("Change it"),
}
"""What a card leads to, by command."""
ANSWERED = frozenset({"broadcasts list", "subscriber list", "history", "member list"})
"""Of these, what needs nothing but the conversation."""
# A card names this many members; `member list` names them all.
MEMBERS_SHOWN = 20


@command(
    "conv create",
    Effect.CHANGES,
    'conv create "Game Room" --member tom --member jerry',
    "conv create News --system",
    "conv create Lobby --transient --attr topic=general",
)
async def create(  # noqa: PLR0913 - one argument for each word of the grammar
    ctx: Context,
    name: str,
    *,
    member: Annotated[tuple[ClientId, ...], Help("who is in it from the start")] = (),
    system: Annotated[bool, Help("speaks to subscribers, to chosen users, to everyone")] = False,
    transient: Annotated[bool, Help("a chat room, whose members are whoever is online in it")] = False,
    unique: Annotated[
        bool, Help("the existing conversation of exactly these members, if there is one")
    ] = False,
    creator: Annotated[ClientId | None, Help("who counts as its creator")] = None,
    attr: Annotated[tuple[Attribute, ...], Help("custom attributes")] = (),
) -> Reply:
    """Create a normal, system or transient conversation."""
    _refuse_no_name(name)
    _refuse_mixed_kinds(system=system, transient=transient, normal_only=bool(member) or unique)
    kind = Kind.SYSTEM if system else Kind.TRANSIENT if transient else Kind.NORMAL
    created = await ctx.realtime.create_conversation(
        NewConversation(name, kind, member, unique, creator, {each.key: each.value for each in attr})
    )
    return Reply(
        phrase("Created the {kind} conversation {name}.", kind=KINDS[kind], name=Code(name)),
        (Fields(((phrase("Id"), Code(created.id)),)),),
        data={"name": name, **created.raw},
    )


def _refuse_no_name(name: str) -> None:
    if not name.strip():
        raise NotUnderstood(phrase("The name is empty: nobody could call it by that."), parameter="name")


def _refuse_mixed_kinds(*, system: bool, transient: bool, normal_only: bool) -> None:
    if system and transient:
        raise NotUnderstood(
            phrase(
                "A conversation is either {system} or {transient}.",
                system=Code("--system"),
                transient=Code("--transient"),
            )
        )
    if normal_only and (system or transient):
        raise NotUnderstood(
            phrase(
                "Only a normal conversation takes {member} and {unique}.",
                member=Code("--member"),
                unique=Code("--unique"),
            ),
            hint=phrase("Users join others by {command}.", command=Code("subscriber add")),
        )


@command("conv list", Effect.READS, "conv list", "conv list --kind system", "conv list --member tom")
async def list_(  # noqa: PLR0913 - one argument for each word of the grammar
    ctx: Context,
    *,
    kind: Literal["normal", "system", "transient", "all"] = "all",
    name: Annotated[str | None, Help("only those whose name contains this", "TEXT")] = None,
    member: Annotated[ClientId | None, Help("only those that this user is in")] = None,
    where: Annotated[JsonObject | None, Help("a query in the service's own terms")] = None,
    limit: int = 20,
    skip: int = 0,
) -> Reply:
    """List conversations."""
    refuse_outside("--limit", limit, 1, 1000)
    refuse_outside("--skip", skip, 0, 1_000_000_000)
    query = _query(where or {}, name, member)
    found = await ctx.realtime.find_conversations(query, kind=CHOICES[kind], skip=skip, limit=limit)
    if not found:
        return Reply(phrase("There is no such conversation."), data=[])
    cells = [(each.name or "", KINDS[each.kind], _size(each), Code(each.id)) for each in found]
    shown = page(ctx, cells)
    table = Table((phrase("Name"), phrase("Kind"), phrase("Members"), phrase("Id")), tuple(cells[:shown]))
    words: dict[str, list[str]] = {
        "kind": [kind],
        "name": [name] if name is not None else [],
        "member": [member] if member is not None else [],
        "where": [json.dumps(where, ensure_ascii=False)] if where is not None else [],
        "limit": [str(limit)],
    }
    span = Span(skip, shown, limit, full=shown < len(found) or len(found) == limit)
    return Reply(
        phrase("{count} conversation", plural="{count} conversations", count=len(found)),
        (table, *around(ctx, list_, words, span)),
        data=[each.raw for each in found],
    )


def _query(where: dict[str, Any], name: str | None, member: str | None) -> dict[str, Any]:
    conditions = [where] if where else []
    if name is not None:
        literal = name.replace("\\E", r"\E\\E\Q")
        conditions.append({"name": {"$regex": rf"\Q{literal}\E"}})
    if member is not None:
        conditions.append({"m": member})
    return conditions[0] if len(conditions) == 1 else {"$and": conditions} if conditions else {}


def _size(conversation: Conversation) -> Value:
    return len(conversation.members) if conversation.kind is Kind.NORMAL else ""


@command("conv show", Effect.READS, "conv show news")
async def show(ctx: Context, conv: ConversationRef) -> Reply:
    """Show everything known of a conversation."""
    found = await ctx.conversations.resolve(conv)
    return Reply(
        phrase("{name}, a {kind} conversation", name=title_of(found), kind=KINDS[found.kind]),
        (Fields((*_facts(found), *await _presence(ctx, found))), *_next_steps(ctx, found)),
        data=found.raw,
    )


def _next_steps(ctx: Context, found: Conversation) -> tuple[Part, ...]:
    """What can be done with it next, as far as its reader may."""
    if not ctx.invocation.place.channel:
        return ()
    runnable = {each.name for each in ctx.authority.runnable(ctx.invocation)}
    steps = SYSTEM_STEPS if found.kind is Kind.SYSTEM else STEPS
    buttons = tuple(
        Button(label, f"{name} {found.id}", fills=name not in ANSWERED)
        for name, label in steps.items()
        if name in runnable
    )
    return (Buttons(buttons),) if buttons else ()


async def _presence(ctx: Context, found: Conversation) -> list[tuple[Phrase, Value]]:
    """Who is there now, which only a transient conversation knows."""
    if found.kind is not Kind.TRANSIENT:
        return []
    return [(phrase("Online"), await ctx.realtime.online_count(found))]


def _facts(found: Conversation) -> list[tuple[Phrase, Value]]:
    rows: list[tuple[Phrase, Value]] = [
        (phrase("Id"), Code(found.id)),
        (phrase("Name"), found.name or "—"),
        (phrase("Creator"), found.creator or "—"),
        (phrase("Last message"), Moment(found.last_message_at) if found.last_message_at else "—"),
        (phrase("System"), _yes_or_no(found.kind is Kind.SYSTEM)),
        (phrase("Transient"), _yes_or_no(found.kind is Kind.TRANSIENT)),
    ]
    if found.kind is Kind.NORMAL:
        rows += [(phrase("Members"), _clients(found.members)), (phrase("Muted by"), _clients(found.muted))]
    if found.created_at is not None:
        rows.append((phrase("Created"), Moment(found.created_at)))
    rows += [(phrase("{key}", key=key), _shown(value)) for key, value in found.attributes.items()]
    return rows


def _yes_or_no(fact: bool) -> Phrase:
    return phrase("yes") if fact else phrase("no")


def _clients(ids: tuple[str, ...]) -> Value:
    if len(ids) <= MEMBERS_SHOWN:
        return ", ".join(ids) or "—"
    shown = ", ".join(ids[:MEMBERS_SHOWN])
    return phrase("{shown} and {more} more", shown=shown, more=len(ids) - MEMBERS_SHOWN)


def _shown(value: object) -> Value:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    return Code(json.dumps(value, ensure_ascii=False))


@command(
    "conv set",
    Effect.CHANGES,
    'conv set lobby --name "Main Hall"',
    "conv set lobby --attr topic=news --unset mood",
)
async def set_(
    ctx: Context,
    conv: ConversationRef,
    *,
    name: str | None = None,
    attr: Annotated[tuple[Attribute, ...], Help("attributes to set")] = (),
    unset: Annotated[tuple[str, ...], Help("attributes to take away", "KEY")] = (),
) -> Reply:
    """Change a conversation's name and attributes."""
    changes: dict[str, Json] = {each.key: each.value for each in attr}
    if both := sorted(changes.keys() & set(unset)):
        raise NotUnderstood(
            phrase(
                "{keys} can't be both set and taken away: use {attr} or {unset}.",
                keys=", ".join(both),
                attr=Code("--attr"),
                unset=Code("--unset"),
            )
        )
    changes |= {key: {"__op": "Delete"} for key in unset}
    if name is not None:
        _refuse_no_name(name)
        changes["name"] = name
    if not changes:
        raise NotUnderstood(
            phrase("{command} needs something to change.", command=Code("conv set")),
            hint=phrase("Type {usage}", usage=Code(set_.usage)),
        )
    found = await ctx.conversations.resolve(conv)
    updated = await ctx.realtime.update_conversation(found, changes)
    return Reply(phrase("Changed {name}.", name=Code(name or found.name or found.id)), data=updated.raw)


@command("conv delete", Effect.DESTROYS, "conv delete 5eccba570d3a42c5fd4e25c3")
async def delete(ctx: Context, conv: ConversationRef) -> Reply:
    """Delete a conversation; it cannot be brought back."""
    found = await ctx.conversations.resolve(conv)
    await ctx.realtime.delete_conversation(found)
    return Reply(phrase("Deleted {name}.", name=title_of(found)), data={"objectId": found.id})


COMMANDS = (create, list_, show, set_, delete)
