"""The audit on both databases: durable before anything is done, chained, searched, let go of nothing but bodies."""

import asyncio
import logging
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.audit import Broken, Entry, How, Query, Row, Stage
from bridge.database.audit import MOST_NAMED, TOGETHER, AuditLog, check
from bridge.database.engine import Database
from bridge.errors import BadConfiguration
from bridge.invocation import Place, Trigger
from bridge.redaction import redact
from tests.contract.bridge.making import CONVERSATION, NOON, Clock

KEPT = ("imbridge_audit", "imbridge_audit_heads", "imbridge_audit_clients")


def entry(name: str = "i1", at: int = NOON, body: str = "conv set lobby --name Hall") -> Entry:
    return Entry(name, Stage.ASKED, at, "U1", Place("T1", "C1"), Trigger.SLASH, body, "conv set")


@pytest.fixture
async def log(database: Database, clock: Clock) -> AsyncIterator[AuditLog]:
    """The audit of a process called `one`."""
    made = AuditLog(database, "one", clock)
    yield made
    await made.finish()


@pytest.fixture
def commits(database: Database) -> Sequence[object]:
    """One for each transaction that was committed since."""
    seen: list[object] = []
    event.listen(database.writer, "commit", seen.append)
    return seen


async def told(database: Database, statement: str) -> None:
    """Have the database do something."""
    await database.write(lambda connection: connection.exec_driver_sql(statement))


async def meddle(database: Database, *statements: str) -> None:
    """Change what is kept as somebody would who owns the database: the triggers are no hindrance."""

    def change(connection: Connection) -> None:
        run = connection.exec_driver_sql
        if connection.dialect.name == "sqlite":
            triggers = run("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
            for name in triggers:
                run(f"DROP TRIGGER {name}")
        else:
            for table in KEPT:
                run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            run(statement)

    await database.write(change)


def ids(rows: Sequence[Row]) -> list[str]:
    return [row.entry.invocation for row in rows]


# Writing


async def test_what_comes_first_is_there_when_it_returns(log: AuditLog, database_url: str) -> None:
    recorded = replace(
        entry(),
        rule="leads",
        verdict="approve",
        consent="U2",
        outcome="done",
        delivery="d1",
        msg_ids=("m1", "m2"),
        conversation=CONVERSATION,
        clients=("tom", "汤姆"),
    )
    await log.first(recorded)
    elsewhere = await Database.open(database_url)
    (row,) = await AuditLog(elsewhere, "two").search(Query())
    await elsewhere.close()
    assert row.entry == recorded
    assert (row.chain, row.number) == ("one", 1)


async def test_rows_asked_for_together_go_into_few_transactions_and_keep_their_order(
    log: AuditLog, commits: Sequence[object]
) -> None:
    await asyncio.gather(*(log.first(entry(f"i{number}")) for number in range(50)))
    assert len(commits) <= 2
    assert ids(await log.search(Query())) == [f"i{number}" for number in reversed(range(50))]
    assert await log.verify() == (1, 50, (), 0, True)


async def test_what_is_written_later_is_there_once_the_log_has_finished(log: AuditLog) -> None:
    await log.first(entry("asked"))
    log.later(replace(entry("answered"), stage=Stage.ANSWERED))
    log.later(entry("read"))
    await log.finish()
    assert ids(await log.search(Query())) == ["read", "answered", "asked"]


async def test_what_was_queued_is_found_at_once(log: AuditLog) -> None:
    log.later(entry("read"))
    assert ids(await log.search(Query())) == ["read"]


async def test_where_the_first_row_can_t_be_written_nothing_may_be_done(
    log: AuditLog, database: Database
) -> None:
    await told(database, "ALTER TABLE imbridge_audit RENAME TO elsewhere")
    with pytest.raises(SQLAlchemyError):
        await log.first(entry())


async def test_a_later_row_that_can_t_be_written_is_told_loudly_and_the_chain_goes_on(
    log: AuditLog, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await log.first(entry("before"))
    await told(database, "ALTER TABLE imbridge_audit RENAME TO elsewhere")
    log.later(replace(entry("lost"), delivery="d7", msg_ids=("m7",)))
    await log.finish()
    (loud,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert all(each in loud.getMessage() for each in ("lost", "d7", "m7", "imbridge_audit"))
    assert "--name Hall" not in caplog.text
    await told(database, "ALTER TABLE elsewhere RENAME TO imbridge_audit")
    await log.first(entry("after"))
    assert ids(await log.search(Query())) == ["after", "before"]
    assert (await log.verify()).ok


async def test_each_process_has_a_chain_of_its_own(log: AuditLog, database_url: str, clock: Clock) -> None:
    other = await Database.open(database_url)
    two = AuditLog(other, "two", clock)
    await asyncio.gather(*(each.first(entry(f"i{number}")) for number in range(20) for each in (log, two)))
    rows = await two.search(Query())
    await other.close()
    assert {(row.chain, row.number) for row in rows} == {
        (chain, number) for chain in ("one", "two") for number in range(1, 21)
    }
    assert await log.verify() == (2, 40, (), 0, True)


async def test_a_chain_that_another_writes_too_takes_no_row_of_either_twice(
    log: AuditLog, database_url: str, clock: Clock
) -> None:
    """Processes share no name; should they, one is refused and neither breaks the chain."""
    other = await Database.open(database_url)
    same = AuditLog(other, "one", clock)
    done = await asyncio.gather(
        *(each.first(entry()) for _ in range(10) for each in (log, same)), return_exceptions=True
    )
    await other.close()
    written = sum(each is None for each in done)
    assert written
    assert await log.verify() == (1, written, (), 0, True)


async def test_what_no_database_takes_is_recorded_all_the_same(log: AuditLog) -> None:
    hostile = replace(entry(body="a\x00b\ud800"), conversation="会" * 9000, clients=("汤" * 9000, "\x00"))
    await log.first(hostile)
    assert ids(await log.search(Query(client="汤" * 9000))) == ["i1"]
    assert ids(await log.search(Query(conversations=("会" * 9000,)))) == ["i1"]
    assert (await log.verify()).ok


async def test_a_secret_that_was_typed_is_not_kept(log: AuditLog) -> None:
    redact.know("correct-horse-battery")
    await log.first(entry(body="send lobby correct-horse-battery and xoxb-1234-abcd"))
    (row,) = await log.search(Query())
    assert row.body == "send lobby *** and ***"


async def test_a_process_that_dies_leaves_what_was_first_and_a_chain_that_verifies(
    log: AuditLog, database_url: str
) -> None:
    """Killed between two rows, with more of them queued: what `first` had returned for is there."""
    script = (
        "import asyncio, os, signal\n"
        "from bridge.database.audit import AuditLog\n"
        "from bridge.database.engine import Database\n"
        "from tests.contract.bridge.test_audit import entry\n"
        "async def main():\n"
        f"    log = AuditLog(await Database.open({database_url!r}), 'dead')\n"
        "    for number in range(3):\n"
        "        await log.first(entry(f'i{number}'))\n"
        "    for number in range(100):\n"
        "        log.later(entry('queued'))\n"
        "    await asyncio.sleep(0)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=Path(__file__).parents[3]
    )
    assert await process.wait() == -signal.SIGKILL
    # On PostgreSQL its last transaction may still be on its way to an end.
    rows = await log.search(Query(limit=1000))
    assert ids(rows)[-3:] == ["i2", "i1", "i0"]
    assert (await log.verify()).ok


# Searching


@pytest.fixture
async def searched(log: AuditLog) -> AuditLog:
    """Four rows, the oldest first: a, b, c, d; the last two came in the other order."""
    await log.first(replace(entry("a", NOON), conversation=CONVERSATION, clients=("tom", "jerry", "tom")))
    await log.first(replace(entry("b", NOON + 1000), actor="U2", conversation="Lobby"))
    await log.first(replace(entry("d", NOON + 3000), actor="U2", clients=("to",)))
    await log.first(replace(entry("c", NOON + 2000), clients=("tom",)))
    return log


SEARCHES = (
    (Query(), "dcba"),
    (Query(limit=2), "dc"),
    (Query(actor="U2"), "db"),
    (Query(client="tom"), "ca"),
    (Query(client="tom", limit=1), "c"),
    (Query(client="spike"), ""),
    (Query(conversations=(CONVERSATION,)), "a"),
    (Query(conversations=(CONVERSATION, "Lobby")), "ba"),
    (Query(since=NOON + 1000), "dcb"),
    (Query(until=NOON + 1000), "ba"),
    (Query(since=NOON + 1000, until=NOON + 2000), "cb"),
    (Query(client="tom", since=NOON + 1), "c"),
    (Query(client="tom", actor="U1", conversations=(CONVERSATION,), until=NOON), "a"),
    (Query(client="tom", actor="U2"), ""),
)


async def test_rows_are_found_by_who_whom_where_and_when(searched: AuditLog) -> None:
    for query, found in SEARCHES:
        assert "".join(ids(await searched.search(query))) == found, query


# Deleting bodies


async def test_old_bodies_are_deleted_and_the_chain_still_verifies(log: AuditLog, database: Database) -> None:
    await log.first(replace(entry("old", NOON - 1), clients=("tom",)))
    await log.first(entry("young", NOON))
    assert await log.forget_bodies(NOON) == 1
    young, old = await log.search(Query())
    assert (old.body, old.salt, young.body) == (None, None, entry().body)
    assert old.entry == replace(entry("old", NOON - 1), clients=("tom",), body=None)
    assert (await log.verify()).ok
    assert await log.forget_bodies(NOON) == 0


async def test_more_bodies_than_go_at_once_are_all_deleted(log: AuditLog) -> None:
    await asyncio.gather(*(log.first(entry(at=NOON - 1)) for _ in range(TOGETHER + 7)))
    assert await log.forget_bodies(NOON) == TOGETHER + 7
    assert (await log.verify()).ok


async def test_nothing_of_a_deleted_body_is_left_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "bridge.db"
    database = await Database.open(f"sqlite:///{file}")
    log = AuditLog(database, "one")
    for number in range(50):
        await log.first(entry(f"i{number}", body=f"send lobby the-words-{number} " + "x" * number * 100))
    assert await log.forget_bodies(NOON + 1) == 50
    await database.close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert b"conv set" in file.read_bytes()
    assert b"the-words" not in file.read_bytes()


# Nothing else changes


REFUSED = (
    "UPDATE imbridge_audit SET actor = 'U9'",
    "UPDATE imbridge_audit SET hash = 'x'",
    "UPDATE imbridge_audit SET body = 'help'",
    "UPDATE imbridge_audit SET body = NULL, outcome = 'done'",
    "UPDATE imbridge_audit SET body = NULL, salt = 'x'",
    "DELETE FROM imbridge_audit",
    "DELETE FROM imbridge_audit_heads",
    "UPDATE imbridge_audit_heads SET number = 1",
    "UPDATE imbridge_audit_heads SET hash = 'x'",
    "DELETE FROM imbridge_audit_clients",
    "UPDATE imbridge_audit_clients SET client = 'jerry'",
)


async def test_the_database_itself_refuses_to_change_what_was_written(
    log: AuditLog, database: Database
) -> None:
    for _ in range(2):
        await log.first(replace(entry(), clients=("tom",)))
    for statement in map(text, REFUSED):
        with pytest.raises(SQLAlchemyError, match="append-only"):
            await database.write(partial(Connection.execute, statement=statement))


async def test_postgresql_empties_no_table_of_the_audit(postgres_url: str) -> None:
    database = await Database.open(postgres_url)
    for statement in map(text, (f"TRUNCATE {table}" for table in KEPT)):
        with pytest.raises(SQLAlchemyError, match="append-only"):
            await database.write(partial(Connection.execute, statement=statement))
    await database.close()


# Verifying


async def test_more_broken_chains_than_are_named_are_counted(
    log: AuditLog, database: Database, database_url: str
) -> None:
    for number in range(MOST_NAMED + 2):
        await AuditLog(database, f"chain-{number}").first(entry())
    await meddle(database, "UPDATE imbridge_audit SET rule = 'x'")
    assert (await log.verify()).broken_chains == MOST_NAMED + 2
    assert (await check(database_url)).lines[-2:] == (
        "broken too, without being named: 2 chains",
        "22 rows in 22 chains were read",
    )


@pytest.mark.parametrize(
    ("statement", "row", "how"),
    [
        ("UPDATE imbridge_audit SET actor = 'U9' WHERE number = 3", 3, How.CHANGED),
        ("UPDATE imbridge_audit SET stage = 'x', clients = '{' WHERE number = 3", 3, How.CHANGED),
        ("UPDATE imbridge_audit SET body = 'help' WHERE number = 2", 2, How.CHANGED),
        ("UPDATE imbridge_audit SET salt = NULL WHERE number = 2", 2, How.CHANGED),
        ("DELETE FROM imbridge_audit WHERE number IN (2, 4)", 2, How.MISSING),
        ("DELETE FROM imbridge_audit WHERE number = 1", 1, How.MISSING),
        ("DELETE FROM imbridge_audit WHERE number = 5", 5, How.MISSING),
        ("DELETE FROM imbridge_audit", 1, How.MISSING),
        ("DELETE FROM imbridge_audit_heads", 1, How.BEYOND),
        ("UPDATE imbridge_audit_heads SET number = 4", 5, How.BEYOND),
        ("UPDATE imbridge_audit_heads SET hash = 'x'", 5, How.CHANGED),
        ("UPDATE imbridge_audit SET number = 9 WHERE number = 3", 3, How.MISSING),
    ],
)
async def test_the_first_broken_row_is_named(
    log: AuditLog, database: Database, database_url: str, statement: str, row: int, how: How
) -> None:
    for _ in range(5):
        await log.first(replace(entry(), clients=("tom",)))
    await AuditLog(database, "sound").first(entry())
    await meddle(database, f"{statement} {'AND' if 'WHERE' in statement else 'WHERE'} chain = 'one'")
    found = await log.verify()
    assert found.broken == (Broken("one", row, how),)
    assert not found.ok
    checked = await check(database_url)
    assert not checked.ok
    assert checked.lines[0].startswith(f"chain one, row {row}: {how.value}")
    assert len(checked.lines) == 2


async def test_rows_that_are_no_longer_found_by_whom_they_name_are_told(
    searched: AuditLog, database: Database, database_url: str
) -> None:
    await meddle(database, "DELETE FROM imbridge_audit_clients WHERE client = 'tom'")
    found = await searched.verify()
    assert (found.broken, found.is_searchable, found.ok) == ((), False, False)
    assert "found by the client ids" in (await check(database_url)).lines[0]


async def test_a_sound_audit_is_said_to_be_so(searched: AuditLog, database_url: str) -> None:
    assert await check(database_url) == (("4 rows in 1 chain, all as they were written",), True)
    with pytest.raises(BadConfiguration):
        await check("mysql://host/name")


async def test_chains_are_verified_as_they_are_at_one_moment_while_rows_are_added(
    log: AuditLog, database: Database
) -> None:
    async def add() -> None:
        for _ in range(60):
            await log.first(replace(entry(), clients=("tom",)))

    adding = asyncio.create_task(add())
    while not adding.done():
        found = await log.verify()
        assert found.ok, found
    await adding


async def test_the_log_says_where_the_chain_ends(log: AuditLog, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await log.first(entry())
    (row,) = await log.search(Query())
    await log.finish()
    assert f"the chain one of the audit ends with row 1, {row.hash}" in caplog.text
