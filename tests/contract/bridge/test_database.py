"""The database opens anywhere it can, refuses clearly where it can't, and remembers requests."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from bridge.database.engine import VERSION_TABLE, Database
from bridge.database.requests import Requests
from bridge.database.tables import metadata
from bridge.errors import BadConfiguration


async def test_migrations_make_exactly_the_tables_that_the_code_knows(database: Database) -> None:
    async with database.read() as connection:
        found = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"version_table": VERSION_TABLE}), metadata
            )
        )
    assert found == []


async def test_a_database_is_opened_again_with_what_is_in_it(database: Database, database_url: str) -> None:
    assert await Requests(database).claim("r1")
    again = await Database.open(database_url)
    assert not await Requests(again).claim("r1")
    await again.close()


async def test_several_processes_may_open_an_empty_database_at_once(database_url: str) -> None:
    opened = await asyncio.gather(*(Database.open(database_url) for _ in range(4)))
    for each in opened:
        await each.close()


async def told(database: Database, statement: str) -> None:
    """Have the database do something."""
    await database.write(lambda connection: connection.execute(text(statement)))


async def test_a_database_from_a_newer_version_is_refused(database: Database, database_url: str) -> None:
    await told(database, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608
    with pytest.raises(BadConfiguration, match="newer version"):
        await Database.open(database_url)


async def test_tables_of_the_messaging_server_beside_ours_are_left_alone(
    database: Database, database_url: str
) -> None:
    await told(database, "CREATE TABLE messages (id INTEGER)")
    await told(database, "CREATE TABLE alembic_version (version_num VARCHAR(32))")
    again = await Database.open(database_url)
    async with again.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM messages"))).scalar() == 0
    await again.close()


async def test_what_is_written_is_undone_when_the_work_raises(database: Database) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("DELETE FROM imbridge_version"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(fail)
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM imbridge_version"))).scalar() == 1


async def test_sqlite_is_durable_and_has_one_writer_at_a_time(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/deep/folder/bridge.db")
    async with database.read() as connection:
        settings = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert settings == ["wal", 2, 1, 10_000]
    written = await database.write(
        lambda connection: [
            connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("synchronous", "foreign_keys")
        ]
    )
    assert written == [2, 1]
    await database.close()


@pytest.mark.parametrize(
    "url", ["", "bridge.db", "mysql://host/name", "sqlite://", "sqlite:///:memory:", "postgresql://[/x"]
)
async def test_what_is_no_address_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(BadConfiguration, match="IMBRIDGE_DATABASE_URL"):
        await Database.open(url)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfiguration, match="cannot"):
        await Database.open(f"sqlite:///{tmp_path}/file/bridge.db")


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "bridge.db").write_text("this is not a database, whatever its name says" * 100)
    with pytest.raises(BadConfiguration, match="not a database"):
        await Database.open(f"sqlite:///{tmp_path}/bridge.db")


async def test_a_database_that_nobody_answers_for_is_named_without_its_password() -> None:
    with pytest.raises(BadConfiguration) as refused:
        await Database.open("postgres://user:se-cret@127.0.0.1:1/name?sslmode=disable")
    assert "cannot be opened" in str(refused.value)
    assert "se-cret" not in str(refused.value)


async def test_a_request_is_claimed_once_by_whoever_is_first(database: Database) -> None:
    replicas = [Requests(database) for _ in range(3)]
    claimed = await asyncio.gather(*(each.claim("r1") for each in replicas for _ in range(10)))
    assert sum(claimed) == 1
    assert await replicas[0].claim("r2")
