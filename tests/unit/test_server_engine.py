"""The server's transactions on SQLite: a read sees one moment, and leaves nothing to the next one on its connection."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    bindparam,
    column,
    func,
    literal,
    select,
    table,
    text,
)
from sqlalchemy.exc import DBAPIError

from bridge.server.engine import Engine
from bridge.server.errors import ServiceError
from bridge.server.failing import failure_of
from bridge.server.readers import Statement

COUNT = text("SELECT count(*) FROM boats")
ADD = text("INSERT INTO boats VALUES ('Sea Breeze')")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine(f"sqlite:///{tmp_path}/boats.db")
    async with engine.write() as connection:
        await connection.execute(text("CREATE TABLE boats (name TEXT)"))
    yield engine
    await engine.close()


async def test_a_read_sees_what_stood_when_its_first_statement_ran(engine: Engine) -> None:
    async with engine.read() as reading:
        assert (await reading.execute(COUNT)).scalar_one() == 0
        async with engine.write() as writing:
            await writing.execute(ADD)
        assert (await reading.execute(COUNT)).scalar_one() == 0
    async with engine.read() as reading:
        assert (await reading.execute(COUNT)).scalar_one() == 1


async def test_a_read_that_asked_nothing_leaves_no_transaction_behind(engine: Engine) -> None:
    async with engine.read():
        pass
    async with engine.write() as writing:
        await writing.execute(ADD)
    async with engine.read() as reading:
        assert (await reading.execute(COUNT)).scalar_one() == 1


async def test_a_write_that_fails_is_undone_and_the_next_one_is_not(engine: Engine) -> None:
    with pytest.raises(DBAPIError):
        await _add_then_fail(engine)
    async with engine.write() as writing:
        await writing.execute(ADD)
    async with engine.read() as reading:
        assert (await reading.execute(COUNT)).scalar_one() == 1


async def _add_then_fail(engine: Engine) -> None:
    async with engine.write() as writing:
        await writing.execute(ADD)
        await writing.execute(text("INSERT INTO no_such_table VALUES (1)"))


async def test_a_statement_of_its_own_reads_what_is_committed_by_then(engine: Engine) -> None:
    boats = Statement(select(column("name")).select_from(table("boats")))
    assert await engine.fetch(boats, {}) == []
    async with engine.write() as writing:
        await writing.execute(ADD)
        assert await engine.fetch(boats, {}) == []
    assert [boat.name for boat in await engine.fetch(boats, {})] == ["Sea Breeze"]


async def test_one_statement_is_run_for_one_text_after_another(engine: Engine) -> None:
    async with engine.write() as writing:
        await writing.execute(ADD)
        await writing.execute(text("INSERT INTO boats VALUES ('Jolly Roger')"))
    name: ColumnElement[str] = column("name", String)
    named = select(name).select_from(table("boats")).where(name == bindparam("name", ""))
    statement = Statement(named)
    names = ["Jolly Roger", "Sea Breeze", "Flying Dutchman"]
    found = await asyncio.gather(*(engine.fetch(statement, {"name": name}) for name in names * 20))
    assert [[boat.name for boat in boats] for boats in found] == [["Jolly Roger"], ["Sea Breeze"], []] * 20


async def test_a_statement_that_the_database_refuses_says_so_as_any_other_does(engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="no such table") as refused:
        await engine.fetch(Statement(select(column("name")).select_from(table("ships"))), {})
    assert failure_of(refused.value) == "no such table: ships"
    assert await engine.fetch(Statement(select(column("name")).select_from(table("boats"))), {}) == []


async def test_a_statement_that_takes_too_long_is_interrupted_and_its_connection_works_on(
    tmp_path: Path,
) -> None:
    engine = Engine(f"sqlite:///{tmp_path}/boats.db", query_seconds=0.2)
    numbers = select(literal(1).label("number")).cte("numbers", recursive=True)
    endless = numbers.union_all(select(numbers.c.number + 1))
    try:
        with pytest.raises(ServiceError) as late:
            await engine.fetch(Statement(select(func.count().label("all")).select_from(endless)), {})
        assert late.value.code == 124
        one = await engine.fetch(Statement(select(literal(1).label("one"))), {})
        assert [row.one for row in one] == [1]
    finally:
        await engine.close()


async def test_a_whole_transaction_is_kept_when_its_work_ends_and_undone_when_it_raises(
    engine: Engine,
) -> None:
    def sink(connection: Connection) -> None:
        connection.execute(ADD)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        await engine.transact(sink)
    added = await asyncio.gather(
        *(engine.transact(lambda connection: connection.execute(ADD).rowcount) for _ in range(5)),
        _add(engine),
    )
    assert added == [1, 1, 1, 1, 1, None]
    async with engine.read() as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 6


async def _add(engine: Engine) -> None:
    async with engine.write() as connection:
        await connection.execute(ADD)
