"""The server's transactions on SQLite: a read sees one moment, and leaves nothing to the next one on its connection."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bridge.server.engine import Engine

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
