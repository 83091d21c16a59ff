"""Looks at a database without changing anything: no file is made, no table is brought up to date."""

import asyncio
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from bridge.database.engine import MIGRATIONS, SETTING, VERSION_TABLE, address_of
from bridge.errors import BadConfiguration, Problem

PATIENCE_SECONDS = 10.0
VERSIONS = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version"}
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Tables(Enum):
    """How old the bridge's tables are."""

    ABSENT = "none yet: the first start makes them"
    OLDER = "of an older version: the next start brings them up to date"
    CURRENT = "of this version"


@dataclass(frozen=True, slots=True)
class Seen:
    """A database as it stands; `name` is its address without a password, `server` its kind and version."""

    name: str
    server: str
    tables: Tables


async def look(url: str) -> Seen:
    """What is there. BadConfiguration: it cannot be used, or a newer version of the bridge has."""
    address = address_of(url)
    kind = address.get_backend_name()
    name = address.set(drivername=kind).render_as_string(hide_password=True)
    if kind == "sqlite":
        file = Path(address.database or "")
        if _is_absent(file):
            return Seen(name, NAMES[kind], Tables.ABSENT)
        address = address.set(database=f"file:{file}").update_query_dict({"mode": "ro", "uri": "true"})
    engine = create_async_engine(address)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), engine.connect() as connection:
            server, tables = await connection.run_sync(_look)
    except TimeoutError:
        raise _problem(f"{name} did not answer within {PATIENCE_SECONDS:g} s") from None
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise _problem(f"{name} cannot be opened: {reason}") from None
    finally:
        await engine.dispose()
    return Seen(name, server, tables)


def _look(connection: Connection) -> tuple[str, Tables]:
    kind = connection.dialect.name
    server = f"{NAMES[kind]} {connection.execute(text(VERSIONS[kind])).scalar_one()}"
    current = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()
    script = ScriptDirectory(str(MIGRATIONS))
    if current is None:
        return server, Tables.ABSENT
    if current == script.get_current_head():
        return server, Tables.CURRENT
    if current in {each.revision for each in script.walk_revisions()}:
        return server, Tables.OLDER
    raise _problem(f"the database is from a newer version ({current}); update imbridge to use it")


def _is_absent(file: Path) -> bool:
    """BadConfiguration: it is there, or is to be made, where we may not write."""
    there = file
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.W_OK):
        raise _problem(f"{there} may not be written to by this user")
    return there != file


def _problem(message: str) -> BadConfiguration:
    return BadConfiguration((Problem(SETTING, message),))
