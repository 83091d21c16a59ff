"""The database's tables: made by migrations, the same as the code's, and safe from an older server."""

import asyncio
import sqlite3
from pathlib import Path

import asyncpg
import pytest

from bridge.server.app import Server
from bridge.server.engine import Engine, driver_url
from bridge.server.migrations import NewerDatabaseError
from bridge.server.settings import ServerSettings
from bridge.server.tables import metadata

POSTGRES_SCHEMA = """
    SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, collation_name)
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name LIKE 'rt\\_%'
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'rt\\_%'
"""


def settings(database_url: str) -> ServerSettings:
    return ServerSettings("app", "app-key", "master-key", database_url)


async def start_and_stop(database_url: str) -> None:
    await (await Server.start(settings(database_url))).close()


async def make_directly(database_url: str) -> None:
    """The tables as the code describes them, without any migration."""
    engine = Engine(database_url)
    async with engine.write() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.close()


def sqlite_schema(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as database:
        rows = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'rt_version'"
        ).fetchall()
    database.close()
    return {(name, " ".join(sql.split())) for name, sql in rows}


async def postgres_schema(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(POSTGRES_SCHEMA)
    await connection.close()
    return {row[0] for row in rows if "rt_version" not in row[0]}


async def test_migrations_make_on_sqlite_what_the_code_expects(tmp_path: Path) -> None:
    await start_and_stop(f"sqlite:///{tmp_path}/deep/down/migrated.db")
    await make_directly(f"sqlite:///{tmp_path}/described.db")
    described = sqlite_schema(tmp_path / "described.db")
    assert len(described) >= len(metadata.tables)
    assert sqlite_schema(tmp_path / "deep/down/migrated.db") == described


async def test_migrations_make_on_postgresql_what_the_code_expects(postgres_url: str) -> None:
    await start_and_stop(postgres_url)
    migrated = await postgres_schema(postgres_url)
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    await connection.close()
    await make_directly(postgres_url)
    described = await postgres_schema(postgres_url)
    assert len(described) >= len(metadata.tables)
    assert migrated == described


async def test_servers_that_start_at_once_on_one_database_all_start(
    postgres_url: str, tmp_path: Path
) -> None:
    for url in (postgres_url, f"sqlite:///{tmp_path}/shared.db"):
        await asyncio.gather(*(start_and_stop(url) for _ in range(3)))


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    await start_and_stop(f"sqlite:///{path}")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE rt_version SET version_num = '9999'")
    database.close()
    with pytest.raises(NewerDatabaseError, match="9999"):
        await start_and_stop(f"sqlite:///{path}")
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT version_num FROM rt_version").fetchall() == [("9999",)]
    database.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:"])
async def test_a_database_that_could_not_keep_anything_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///"):
        await start_and_stop(url)


def test_urls_as_hosts_hand_them_out_are_understood() -> None:
    assert driver_url("postgres://u:p@h:5/d").render_as_string(False) == "postgresql+asyncpg://u:p@h:5/d"
    assert driver_url("sqlite:///var/x.db").render_as_string() == "sqlite+aiosqlite:///var/x.db"
