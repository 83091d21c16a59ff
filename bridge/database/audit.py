"""Keeps the audit: a chain of rows for each process, committed in groups; nothing changes but that bodies go."""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, exists, func, insert, select, text, update
from sqlalchemy import Row as Found
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.audit import COLUMNS, Broken, Check, Entry, Head, How, Query, Row, beginning, link, sought_by
from bridge.clock import Clock, now_ms
from bridge.database.engine import Database, ForMany
from bridge.database.group import GroupCommit
from bridge.database.tables import audit, audit_clients, audit_heads
from bridge.redaction import redact

log = logging.getLogger(__name__)

HELD_SECONDS = 0.05
"""How long a row waits for others that can be committed with it, where nobody waits for it."""
FIRST_SECONDS = 60.0
"""A process that lives for one command leaves the deleting to others."""
DAY_SECONDS = 86_400.0
TOGETHER = 500
"""Bodies deleted in one transaction."""
PAGE = 1_000
"""Rows held in memory while chains are verified."""
MOST_NAMED = 20
"""Broken chains that are named one by one."""


class Verified(NamedTuple):
    """What was verified, the first broken row of each of the first broken chains, and how many are broken."""

    chains: int
    rows: int
    broken: tuple[Broken, ...]
    broken_chains: int
    is_searchable: bool
    """Every row is found by each client id that it names; not looked at where a chain is broken."""

    @property
    def ok(self) -> bool:
        return self.broken_chains == 0 and self.is_searchable


class Checked(NamedTuple):
    """Whether all is well, and what to say of it, line by line."""

    lines: tuple[str, ...]
    ok: bool


class AuditLog:
    """The audit of all processes; what this one adds goes into the chain of its name, which no other writes."""

    def __init__(self, database: Database, chain: str, clock: Clock = now_ms) -> None:
        self._database = database
        self._chain = chain
        self._clock = clock
        self._add = GroupCommit(database, self._append)
        self._held: list[Entry] = []
        self._queued: set[asyncio.Task[None]] = set()
        self._end: Head | None = None

    async def first(self, entry: Entry) -> None:
        """Durable when this returns. Raises where it could not be written: then nothing may be done."""
        if self._held:
            self._release()
            await asyncio.sleep(0)  # they stand in line before it
        self._end = await self._add(entry)

    def later(self, entry: Entry) -> None:
        """Write it soon, after whatever was asked for before; `finish` waits for it."""
        self._held.append(entry)
        if len(self._held) == 1:
            # A commit for each read would cost more than the read.
            asyncio.get_running_loop().call_later(HELD_SECONDS, self._release)

    async def finish(self) -> None:
        """Wait until everything is written, and say where the chain ends."""
        self._release()
        while self._queued:
            await self._written()
        await self._add.finish()
        self._tell_end()

    async def search(self, query: Query) -> tuple[Row, ...]:
        """The rows that fit, the newest first; what this process has asked for is there."""
        await self._written()
        async with self._database.read() as connection:
            rows = (await connection.execute(_wanted(query))).all()
        return tuple(map(_row, rows))

    async def verify(self) -> Verified:
        """Read every chain from its beginning, all as they are at one moment."""
        return await verify(self._database)

    async def forget(self, kept_ms: int) -> None:
        """Until canceled: delete bodies older than that, each day."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                await self.forget_bodies(self._clock() - kept_ms)
            except Exception:
                log.exception("bodies of the audit could not be deleted; trying again tomorrow")
            self._tell_end()
            await asyncio.sleep(DAY_SECONDS)

    async def forget_bodies(self, before: int) -> int:
        """Delete the bodies of rows from before then (UTC ms), with what would let texts be tried; gives how many."""
        gone = 0
        while some := await self._database.write(lambda connection: _forget_some(connection, before)):
            gone += some
        if gone:
            log.info("%d bodies of the audit were deleted", gone)
        return gone

    async def _written(self) -> None:
        self._release()
        if self._queued:
            await asyncio.wait(set(self._queued))

    def _tell_end(self) -> None:
        """Where logs are kept elsewhere, they tell what the database alone could be made to deny."""
        if self._end is not None:
            log.info("the chain %s of the audit ends with row %d, %s", self._chain, *self._end)

    def _release(self) -> None:
        """Let what is held be written, as one group."""
        held, self._held = self._held, []
        for entry in held:
            task = asyncio.create_task(self._loudly(entry))
            self._queued.add(task)
            task.add_done_callback(self._queued.discard)

    async def _loudly(self, entry: Entry) -> None:
        try:
            self._end = await self._add(entry)
        except Exception as error:  # noqa: BLE001 - nobody waits: the log is told
            # The error itself quotes the whole row, and logs are kept longer than bodies.
            reason = str(getattr(error, "orig", None) or repr(error)).partition("\n")[0]
            log.error(
                "the audit lacks a row, %s: %s %s %s by %s: %s, delivery %s, msg-ids %s",
                *(reason, entry.invocation, entry.stage, entry.command or "?", entry.actor),
                *(entry.outcome, entry.delivery or "none", ", ".join(entry.msg_ids) or "none"),
            )

    def _append(self, connection: Connection, entries: Sequence[Entry]) -> Sequence[Head]:
        known = connection.execute(_head(self._chain)).first()
        head = beginning(self._chain) if known is None else Head(known.number, known.hash)
        rows = []
        for entry in entries:
            row = link(head, self._chain, _without_secrets(entry), secrets.token_hex(32))
            head = Head(row.number, row.hash)
            rows.append(row)
        _ROW(connection, [_columns(row) for row in rows])
        if named := [each for row in rows for each in _clients(row)]:
            _CLIENT(connection, named)
        if known is None:
            connection.execute(insert(audit_heads).values(chain=self._chain, **head._asdict()))
        else:
            of_ours = update(audit_heads).where(audit_heads.c.chain == self._chain)
            connection.execute(of_ours.values(head._asdict()))
        return [Head(row.number, row.hash) for row in rows]


async def verify(database: Database) -> Verified:
    """Read every chain from its beginning, all as they are at one moment."""
    async with database.read() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        return await _Reading().all(connection)


async def check(url: str) -> Checked:
    """What `imbridge check --audit` says. BadConfiguration: there is no such database."""
    database = await Database.open(url)
    try:
        found = await verify(database)
    finally:
        await database.close()
    read = f"{_counted(found.rows, 'row')} in {_counted(found.chains, 'chain')}"
    if found.ok:
        return Checked((f"{read}, all as they were written",), ok=True)
    lines = [str(each) for each in found.broken]
    if unnamed := found.broken_chains - len(found.broken):
        lines.append(f"broken too, without being named: {_counted(unnamed, 'chain')}")
    if not found.is_searchable:
        lines.append("rows are no longer found by the client ids that they name")
    return Checked((*lines, f"{read} were read"), ok=False)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


class _Reading:
    """One pass over all chains, a page at a time."""

    def __init__(self) -> None:
        self._chains = self._rows = self._names = self._broken = 0
        self._named: list[Broken] = []

    async def all(self, connection: AsyncConnection) -> Verified:
        for chain in (await connection.execute(_HEADLESS)).scalars():
            self._note(Broken(chain, 1, How.BEYOND))
        current: _Reader | None = None
        pages = await connection.stream(_EVERYTHING, execution_options={"yield_per": PAGE})
        async for page in pages.partitions(PAGE):
            for found in page:
                if current is None or current.chain != found.of_chain:
                    self._close(current)
                    current = _Reader(found.of_chain, Head(found.of_number, found.of_hash))
                if found.chain is not None:
                    self._names += current.take(_row(found))
                    self._rows += 1
        self._close(current)
        indexed = (await connection.execute(select(func.count()).select_from(audit_clients))).scalar_one()
        is_searchable = self._broken > 0 or indexed == self._names
        return Verified(self._chains, self._rows, tuple(self._named), self._broken, is_searchable)

    def _close(self, reader: "_Reader | None") -> None:
        if reader is not None:
            self._chains += 1
            self._note(reader.end())

    def _note(self, broken: Broken | None) -> None:
        if broken is None:
            return
        self._broken += 1
        if len(self._named) < MOST_NAMED:
            self._named.append(broken)


class _Reader:
    """Reads one chain to its end, also behind its first broken row."""

    def __init__(self, chain: str, head: Head) -> None:
        self.chain = chain
        self._head = head
        self._check = Check(chain)
        self._broken: Broken | None = None

    def take(self, row: Row) -> int:
        """The next row; gives how many client ids it names."""
        if self._broken is None:
            self._broken = self._check.see(row)
        return len(_clients(row))

    def end(self) -> Broken | None:
        return self._broken or self._check.end(self._head)


_ROW = ForMany(insert(audit), ("chain", "number", *COLUMNS, "body", "salt", "body_digest", "hash"))
_CLIENT = ForMany(insert(audit_clients), ("client", "at", "chain", "number"))
_EVERYTHING = (
    select(
        audit_heads.c.chain.label("of_chain"),
        audit_heads.c.number.label("of_number"),
        audit_heads.c.hash.label("of_hash"),
        audit,
    )
    .outerjoin(audit, audit.c.chain == audit_heads.c.chain)
    .order_by(audit_heads.c.chain, audit.c.number)
)
_HEADLESS = (
    select(audit.c.chain)
    .where(~exists().where(audit_heads.c.chain == audit.c.chain))
    .distinct()
    .limit(MOST_NAMED)
)
_FORGET = (
    update(audit)
    .where(audit.c.chain == bindparam("of_chain"), audit.c.number == bindparam("of_number"))
    .values(body=None, salt=None)
)


def _head(chain: str) -> Select[str, int, str]:
    return select(audit_heads).where(audit_heads.c.chain == chain)


def _wanted(query: Query) -> Select[tuple[object, ...]]:
    wanted: Select[tuple[object, ...]] = select(audit)
    at = audit.c.at
    if query.client is not None:
        names = and_(audit_clients.c.chain == audit.c.chain, audit_clients.c.number == audit.c.number)
        wanted = wanted.join(audit_clients, names)
        wanted = wanted.where(audit_clients.c.client == sought_by(query.client))
        at = audit_clients.c.at
    if query.actor is not None:
        wanted = wanted.where(audit.c.actor == sought_by(query.actor))
    if query.conversations:
        wanted = wanted.where(audit.c.conversation.in_(list(map(sought_by, query.conversations))))
    if query.since is not None:
        wanted = wanted.where(at >= query.since)
    if query.until is not None:
        wanted = wanted.where(at <= query.until)
    return wanted.order_by(at.desc(), audit.c.chain.desc(), audit.c.number.desc()).limit(query.limit)


def _forget_some(connection: Connection, before: int) -> int:
    old = (
        select(audit.c.chain, audit.c.number)
        .where(audit.c.at < before, audit.c.body.is_not(None))
        .order_by(audit.c.at, audit.c.chain, audit.c.number)
        .limit(TOGETHER)
    )
    rows = [{"of_chain": row.chain, "of_number": row.number} for row in connection.execute(old)]
    if rows:
        if connection.dialect.name == "sqlite":
            # Else the words stay in the file until something else is written over them.
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        connection.execute(_FORGET, rows)
    return len(rows)


def _without_secrets(entry: Entry) -> Entry:
    return replace(entry, body=redact(entry.body or ""))


def _columns(row: Row) -> Mapping[str, object]:
    return {
        **row.content,
        "chain": row.chain,
        "number": row.number,
        "body": row.body,
        "salt": row.salt,
        "body_digest": row.body_digest,
        "hash": row.hash,
    }


def _clients(row: Row) -> Sequence[Mapping[str, object]]:
    """What a row is found by."""
    names = dict.fromkeys(map(sought_by, row.entry.clients))
    at = row.content["at"]
    return [{"client": name, "at": at, "chain": row.chain, "number": row.number} for name in names]


def _row(found: Found[tuple[object, ...]]) -> Row:
    return Row(
        chain=found.chain,
        number=found.number,
        content={name: found._mapping[name] for name in COLUMNS},
        body=found.body,
        salt=found.salt,
        body_digest=found.body_digest,
        hash=found.hash,
    )
