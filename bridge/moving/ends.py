"""The end of a move at our own server: a database that fails is said in a line, and the same command goes on later."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.moving.folder import Stopped
from bridge.server.failing import failure_of, shown


class _InALine(logging.Filter):
    """Of a request that failed with its database, a line says all; a traceback would hide it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        why = failure_of(record.exc_info[1]) if record.exc_info else None
        if why is not None:
            record.msg, record.args, record.exc_info = f"{record.getMessage()}: {why}", (), None
        return True


@contextmanager
def at_database(url: str) -> Iterator[None]:
    """Stopped: the database at the URL cannot be reached, or not any more; what is in it by then is safe."""
    try:
        name = shown(url)
    except ValueError as error:
        raise Stopped(f"{error}. Nothing was done") from None
    handlers, brief = logging.getLogger().handlers, _InALine()
    for handler in handlers:
        handler.addFilter(brief)
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise Stopped(_said(name, failure_of(error))) from error
        raise Stopped(f"{error.filename}: {error.strerror}. {_AGAIN}") from error
    except Exception as error:
        if (why := failure_of(error)) is None:
            raise
        raise Stopped(_said(name, why)) from error
    finally:
        for handler in handlers:
            handler.removeFilter(brief)


_AGAIN = "What was done by now is safe: run the same command again to go on."


def _said(name: str, why: str | None) -> str:
    return f"the database {name} cannot be used: {why}. {_AGAIN}"
