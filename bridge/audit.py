"""The audit: who asked for what and what came of it, each row chained to the one before by its hash.

A row's hash covers the hash before it, its chain, its number and all that it says; of the body, the line as typed, it
covers a digest. That digest is salted, and the salt is deleted together with the body: without it nobody can try texts
until one fits. What is left still verifies.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import NamedTuple, Protocol, Self, TypeAlias

from bridge.invocation import Invocation, Place

Content: TypeAlias = Mapping[str, str | int]
"""What a row says, body apart, column by column; lists are JSON, empty ones the empty text."""

LONGEST_SOUGHT = 256
"""Characters of a name that is searched by: no index of PostgreSQL takes much more than 2,700 bytes."""


class Stage(StrEnum):
    """When a row is written: before anything is done, or once the answer is there."""

    ASKED = "asked"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is recorded of an invocation, `at` UTC ms.

    `body` is the line as typed, None once it is deleted. `command`, `rule` and `verdict` are empty where nothing was
    understood or decided; `consent` is who confirmed or approved it. `conversation` is an id, or as typed where it is
    none; `clients` are the client ids that the line names.
    """

    invocation: str
    stage: str
    at: int
    actor: str
    place: Place
    trigger: str
    body: str | None
    command: str = ""
    rule: str = ""
    verdict: str = ""
    consent: str = ""
    outcome: str = ""
    delivery: str = ""
    msg_ids: tuple[str, ...] = ()
    conversation: str = ""
    clients: tuple[str, ...] = ()

    @classmethod
    def of(cls, invocation: Invocation, stage: Stage, at: int) -> Self:
        """What the invocation itself says."""
        return cls(
            invocation=invocation.id,
            stage=stage.value,
            at=at,
            actor=invocation.actor.id,
            place=invocation.place,
            trigger=invocation.trigger.value,
            body=_typed(invocation),
            consent=invocation.consent.who if invocation.consent else "",
        )


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is kept: the `number`th of its chain, from 1. `body` and `salt` are there together, or gone."""

    chain: str
    number: int
    content: Content
    body: str | None
    salt: str | None
    body_digest: str
    hash: str

    @property
    def entry(self) -> Entry:
        """What it says, also where somebody has meddled with it."""
        told = {name: str(self.content[name]) for name in _TEXTS}
        return Entry(
            **told,
            at=int(self.content["at"]),
            place=Place(str(self.content["team"]), str(self.content["channel"])),
            body=self.body,
            msg_ids=_listed(str(self.content["msg_ids"])),
            clients=_listed(str(self.content["clients"])),
        )


class Head(NamedTuple):
    """Where a chain ends, kept apart from its rows: the chain itself can't tell that its last rows are gone."""

    number: int
    hash: str


class How(StrEnum):
    """What is wrong with a row."""

    CHANGED = "changed"
    MISSING = "missing"
    DISORDER = "out of order"
    BEYOND = "beyond the end"


_SAYS: Mapping[How, str] = {
    How.CHANGED: "it, or the row before it, is not what was written",
    How.MISSING: "it is missing",
    How.DISORDER: "it stands where another belongs",
    How.BEYOND: "the chain was not that long",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row of a chain that is not as it was written."""

    chain: str
    number: int
    how: How

    def __str__(self) -> str:
        return f"chain {self.chain}, row {self.number}: {self.how.value}, {_SAYS[self.how]}"


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for, and how many at most; `since` and `until` are UTC ms, both included.

    `conversations` are the names that one conversation may go by: its id, and what was typed.
    """

    actor: str | None = None
    client: str | None = None
    conversations: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    limit: int = 100


class Search(Protocol):
    """What can be asked of the audit."""

    async def search(self, query: Query) -> tuple[Row, ...]:
        """The rows that fit, the newest first."""


def content_of(entry: Entry) -> Content:
    """An entry as columns, its body apart."""
    texts = {
        **{name: getattr(entry, name) for name in _TEXTS},
        "team": entry.place.team,
        "channel": entry.place.channel,
        "msg_ids": _written(entry.msg_ids),
        "clients": _written(entry.clients),
    }
    sought = {"actor": sought_by(entry.actor), "conversation": sought_by(entry.conversation)}
    return {**{name: _storable(text) for name, text in texts.items()}, **sought, "at": entry.at}


def sought_by(name: str) -> str:
    """What an actor, a conversation or a client is found by: the name, cut where it is longer than any real one."""
    return _storable(name[:LONGEST_SOUGHT])


def link(head: Head, chain: str, entry: Entry, salt: str) -> Row:
    """The row that follows `head`; `salt` is random and this row's own."""
    body = _storable(entry.body or "")
    row = Row(chain, head.number + 1, content_of(entry), body, salt, digest_of_body(salt, body), "")
    return replace(row, hash=_hash(head.hash, row))


def beginning(chain: str) -> Head:
    """What the first row of a chain follows."""
    return Head(0, _sha256(["imbridge audit", chain]))


def digest_of_body(salt: str, body: str) -> str:
    """Stands for a body, and says nothing of it to whoever has no salt."""
    return _sha256([salt, body])


class Check:
    """Reads one chain from its beginning and says where it breaks."""

    def __init__(self, chain: str) -> None:
        self._chain = chain
        self._last = beginning(chain)

    def see(self, row: Row) -> Broken | None:
        """Take the next row."""
        expected = self._last.number + 1
        if row.number != expected:
            how = How.MISSING if row.number > expected else How.DISORDER
            return Broken(self._chain, expected if how is How.MISSING else row.number, how)
        if not _is_own(row) or row.hash != _hash(self._last.hash, row):
            return Broken(self._chain, row.number, How.CHANGED)
        self._last = Head(row.number, row.hash)
        return None

    def end(self, head: Head | None) -> Broken | None:
        """Every row was seen; `head` is where the chain ends, None where nothing says so any more."""
        last = self._last
        if head is None or last.number > head.number:
            return Broken(self._chain, 1 if head is None else head.number + 1, How.BEYOND)
        if last.number < head.number:
            return Broken(self._chain, last.number + 1, How.MISSING)
        return None if last == head else Broken(self._chain, last.number, How.CHANGED)


def verified(chain: str, rows: Iterable[Row], head: Head | None) -> Broken | None:
    """The first broken row of a chain; None: all are as they were written."""
    check = Check(chain)
    for row in rows:
        if (broken := check.see(row)) is not None:
            return broken
    return check.end(head)


_APART = frozenset({"at", "place", "body", "msg_ids", "clients"})
_TEXTS = tuple(each.name for each in fields(Entry) if each.name not in _APART)
COLUMNS = (*_TEXTS, "at", "team", "channel", "msg_ids", "clients")
"""The keys of a `Content`."""


def _is_own(row: Row) -> bool:
    """Whether the body is the row's own, or gone with its salt."""
    if row.body is None or row.salt is None:
        return row.body is None and row.salt is None
    return digest_of_body(row.salt, row.body) == row.body_digest


def _hash(previous: str, row: Row) -> str:
    # A column that a later version adds is empty in the rows of this one, and changes nothing of their hashes.
    said = {name: value for name, value in row.content.items() if value != ""}
    return _sha256([previous, row.chain, row.number, row.body_digest, said])


def _sha256(content: object) -> str:
    # JSON marks where each text begins and ends, so that no two contents are written alike.
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _storable(text: str) -> str:
    """What every database takes: no half characters, and no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _written(listed: tuple[str, ...]) -> str:
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":")) if listed else ""


def _listed(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return (text,)
    return tuple(map(str, found)) if isinstance(found, list) else (text,)


def _typed(invocation: Invocation) -> str:
    return " ".join(invocation.words) or invocation.line
