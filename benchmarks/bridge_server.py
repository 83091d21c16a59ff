"""The bridge as it is deployed: `imbridge serve` over HTTP, the messaging server embedded, SQLite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.processes import Process, python, serving
from benchmarks.slack import COMMAND, SECRET, TEAM, TOKEN

SERVE = "from bridge.cli import main; main()"
SETTINGS = f"""\
slack: {{command: {COMMAND}, team: {TEAM}}}
realtime: {{plan: unlimited}}
access: open
"""


@asynccontextmanager
async def bridge(folder: Path, api_url: str) -> AsyncIterator[Process]:
    """A bridge until the block ends; its state stays in `folder`."""
    (folder / "app.yaml").write_text(SETTINGS)
    given = {
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": api_url,
        "PORT": "0",
    }
    async with serving([*python(SERVE), "serve"], folder, given) as process:
        yield process
