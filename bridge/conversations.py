"""Finds the conversation that a person means by an id, a unique name, or an alias."""

import asyncio
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import reduce

from bridge.commands import did_you_mean
from bridge.errors import Refused
from bridge.phrases import Code, Phrase, phrase
from bridge.realtime.client import RealtimeClient
from bridge.realtime.models import Conversation, Kind
from bridge.values import ConversationRef

OBJECT_ID = re.compile(r"[0-9a-f]{24}")
# How many names are looked through for the nearest to a misspelt one.
NAMES_CONSIDERED = 1000
AMBIGUOUS_SHOWN = 5
CONVERSATION = "conv"
"""What every command calls the argument that names a conversation."""

KINDS = {
    Kind.NORMAL: phrase("normal"),
    Kind.SYSTEM: phrase("system"),
    Kind.TRANSIENT: phrase("transient"),
}
"""What people call the kinds of conversation."""


class Conversations:
    """Looks conversations up in the messaging service, afresh each time; `aliases` map a word to an id."""

    def __init__(self, service: RealtimeClient, aliases: Mapping[str, str]) -> None:
        self._service = service
        self._aliases = aliases

    async def resolve(self, ref: ConversationRef) -> Conversation:
        """The one conversation meant. Refused: there is none (with the nearest name), or several of that name."""
        wanted = self._aliases.get(ref, ref)
        if OBJECT_ID.fullmatch(wanted):
            found = await self._service.find_conversations({"objectId": wanted}, limit=1)
            if found:
                return found[0]
        found = await self._service.find_conversations({"name": wanted}, limit=AMBIGUOUS_SHOWN + 1)
        if len(found) == 1:
            return found[0]
        raise self._ambiguous(ref, found) if found else await self._unknown(ref)

    async def search(self, text: str, most: int) -> list[tuple[str | None, Conversation]]:
        """Those whose alias or name holds this text in either case, or whose id it is; with the alias, if any.

        Raises RealtimeError.
        """
        wanted = text.strip()
        aliases = {alias: known for alias, known in self._aliases.items() if wanted.lower() in alias.lower()}
        literal = wanted.replace("\\E", r"\E\\E\Q")
        holding = {"name": {"$regex": rf"\Q{literal}\E", "$options": "i"}} if wanted else {}
        query = {"objectId": wanted} if OBJECT_ID.fullmatch(wanted) else holding
        aliased, named = await asyncio.gather(
            self._of_ids(list(aliases.values())[:most]), self._service.find_conversations(query, limit=most)
        )
        called = [(alias, aliased[known]) for alias, known in aliases.items() if known in aliased]
        there = set(aliases.values())
        return [*called, *((None, each) for each in named if each.id not in there)][:most]

    async def _of_ids(self, ids: list[str]) -> dict[str, Conversation]:
        if not ids:
            return {}
        found = await self._service.find_conversations({"objectId": {"$in": ids}}, limit=len(ids))
        return {each.id: each for each in found}

    def _ambiguous(self, ref: str, found: list[Conversation]) -> Refused:
        shown = [
            phrase("{id} ({kind})", id=Code(each.id), kind=KINDS[each.kind])
            for each in found[:AMBIGUOUS_SHOWN]
        ]
        return Refused(
            phrase("Several conversations are called {name}.", name=Code(ref)),
            hint=phrase("Use an id instead: {ids}", ids=reduce(_and, shown)),
            code="ambiguous",
            parameter=CONVERSATION,
        )

    async def _unknown(self, ref: str) -> Refused:
        some = await self._service.find_conversations({}, limit=NAMES_CONSIDERED)
        names = {each.name for each in some if each.name} | set(self._aliases)
        near = get_close_matches(ref, names, 1, 0.5)
        listing = phrase("See them with {command}.", command=Code("conv list"))
        return Refused(
            phrase("There is no conversation {name}.", name=Code(ref)),
            hint=did_you_mean(near[0]) if near else listing,
            code="not_found",
            parameter=CONVERSATION,
        )


def _and(one: Phrase, other: Phrase) -> Phrase:
    return phrase("{one}, {other}", one=one, other=other)
