"""A database that cannot be used, or not any more, told apart from errors of ours, and said in a line."""

import sqlite3

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bridge.server.engine import driver_url
from bridge.server.migrations import NewerDatabaseError

_STATES = frozenset({"08", "28", "3D", "53", "57", "58"})
"""Classes of SQLSTATE: connection, authorization, no such database, no room, shut down, its system."""

_DENIED, _READ_ONLY = "42501", "25006"


def shown(database_url: str) -> str:
    """The URL without its password; ValueError when it is none that the server can use."""
    try:
        driver_url(database_url)
        return make_url(database_url).render_as_string(hide_password=True)
    except ArgumentError as error:
        raise ValueError("a database URL begins with sqlite:/// or postgresql://") from error


def failure_of(error: BaseException | None) -> str | None:
    """Why the database cannot be used; None for an error that says nothing of the kind."""
    match error:
        case NewerDatabaseError():
            return str(error)
        case PoolTimeoutError():
            return "it had no free connection in time"
        case DBAPIError(orig=orig):
            return _of_driver(orig, lost=error.connection_invalidated)
        case OSError(strerror=reason):
            return reason or str(error) or "it did not answer in time"
        case _:
            return None


def _of_driver(error: BaseException | None, *, lost: bool) -> str | None:
    state = getattr(error, "sqlstate", None) or ""
    broken = type(error) in (sqlite3.DatabaseError, sqlite3.OperationalError)
    if lost or broken or state[:2] in _STATES or state in (_DENIED, _READ_ONLY):
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None
