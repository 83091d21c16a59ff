"""Puts the export of an app of the service together, without loading what only our own server needs."""

import logging
from pathlib import Path

from bridge import logs
from bridge.config import AppSettings, service_problems
from bridge.errors import BadConfiguration
from bridge.moving.downloads import Rules
from bridge.moving.export import Summary, export
from bridge.realtime.client import Credentials, RealtimeClient, open_http


async def export_service(settings: AppSettings, path: Path, rules: Rules) -> Summary:
    """Exports the app that the environment names. BadConfiguration: it names none."""
    given = settings.realtime
    if given.api_server is None or given.app_id is None or given.master_key is None:
        raise BadConfiguration(service_problems(settings))
    key = given.app_key.get_secret_value() if given.app_key else ""
    master = given.master_key.get_secret_value()
    logs.start((key, master), logging.ERROR)
    async with open_http(given.api_server) as service:
        client = RealtimeClient(service, Credentials(given.app_id, key, master))
        return await export(path, given.app_id, client, rules)
