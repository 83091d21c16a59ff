"""Moves everything out of our own server, and into it; `bridge.moving.assembly` moves it out of the service."""

import logging
from collections.abc import Callable
from pathlib import Path

from bridge.app import start_logs
from bridge.clock import now_ms
from bridge.config import STATE_FOLDER, AppSettings
from bridge.messaging import connect, database_url, embedded, identify
from bridge.moving.downloads import Rules
from bridge.moving.ends import at_database
from bridge.moving.export import Summary
from bridge.moving.export import export as move_out
from bridge.moving.inward import Arrival, Outcome, Target, move_in


async def export(settings: AppSettings, path: Path, rules: Rules) -> Summary:
    """Moves everything out of our own server."""
    start_logs(settings, STATE_FOLDER, logging.ERROR)
    identity = identify(settings, STATE_FOLDER)
    url = database_url(settings, STATE_FOLDER / "realtime.db")
    with at_database(url):
        async with embedded(settings, identity, url) as server, connect(settings, identity, server) as client:
            return await move_out(path, identity.app_id, client, rules)


async def import_(
    settings: AppSettings, path: Path, url: str | None, arrival: Arrival, report: Callable[[str], None]
) -> Outcome:
    """Moves an export into our own server, whose id and keys are the environment's or those it has already."""
    start_logs(settings, STATE_FOLDER, logging.ERROR)
    identity = identify(settings, STATE_FOLDER)
    address = url or database_url(settings, STATE_FOLDER / "realtime.db")
    kept = settings.retention.history
    keeps_from = None if kept is None else now_ms() - kept
    # What is moved in is not deleted while it is counted.
    forever = settings.retention.model_copy(update={"history": None})
    settings = settings.model_copy(update={"retention": forever})
    with at_database(address):
        async with (
            embedded(settings, identity, address) as server,
            connect(settings, identity, server) as client,
        ):
            files, public_url = STATE_FOLDER / "files", arrival.public_url.rstrip("/")
            target = Target(server.engine, client, files, public_url, keeps_from)
            return await move_in(path, target, report, arrival.seed)
