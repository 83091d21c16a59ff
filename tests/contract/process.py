"""A server process of its own for tests: prints its base URL and serves until it is told to stop, or killed."""

import asyncio
import signal
import sys

from bridge.server.app import Server
from bridge.server.settings import UNLIMITED, ServerSettings
from tests.contract.service import APP_ID, APP_KEY, MASTER_KEY, on_a_socket


async def main(database_url: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await Server.start(ServerSettings(APP_ID, APP_KEY, MASTER_KEY, database_url, plan=UNLIMITED))
    async with on_a_socket(server) as base_url:
        sys.stdout.write(f"{base_url}\n")
        sys.stdout.flush()
        await stop.wait()
    await server.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
