"""The bridge as its users run it: real child processes, in a folder of their own, against stand-ins on sockets."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bridge.playground.model import App
from bridge.playground.workspace import Workspace
from tests.crash.processes import environment
from tests.unit.playground.stage import SCOPES, furnish, serving

READY_SECONDS = 30.0
MAIN = "from bridge.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a program that ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Serving:
    """`imbridge serve`, and what it has said by now."""

    url: str
    pid: int
    output: Path

    def said(self) -> str:
        """Both its streams."""
        return self.output.read_text()


async def ran(
    folder: Path, given: Mapping[str, str], *words: str, program: Sequence[str] = ("-c", MAIN)
) -> Ran:
    """`imbridge WORDS` to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        *words,
        cwd=folder,
        env=environment(given),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


@asynccontextmanager
async def serve(folder: Path, given: Mapping[str, str]) -> AsyncIterator[Serving]:
    """`imbridge serve` on any free port, from when it listens until the block ends; it must end by itself then."""
    output = folder / "output.txt"
    with output.open("wb") as into:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MAIN,
            "serve",
            cwd=folder,
            env=environment({"PORT": "0", **given}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=into,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        async with asyncio.timeout(READY_SECONDS):
            while " listening on " not in output.read_text():
                assert process.returncode is None, output.read_text()
                await asyncio.sleep(0.02)
        url = output.read_text().partition(" listening on ")[2].split()[0]
        yield Serving(url, process.pid, output)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def slack(installed: App | None = None) -> AsyncIterator[Workspace]:
    """The stand-in for Slack on a socket, furnished; set `app.request_url` to where the bridge is."""
    workspace = Workspace(app=installed or App(scopes=SCOPES))
    workspace.base_url = ""
    async with serving(workspace.asgi) as url, workspace:
        workspace.base_url = url
        furnish(workspace)
        yield workspace


def of_slack(workspace: Workspace) -> dict[str, str]:
    """What the bridge's environment says of the workspace."""
    return {
        "SLACK_API_URL": f"{workspace.base_url}/api/",
        "SLACK_BOT_TOKEN": workspace.app.bot_token,
        "SLACK_SIGNING_SECRET": workspace.app.signing_secret,
    }


def arguments(pid: int) -> list[str]:
    """The argument lists, as `ps` shows them, of a process and of all that it has begun."""
    found = []
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        try:
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            if pid in (int(each.name), parent):
                found.append((each / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (OSError, ValueError):
            continue  # it has ended meanwhile
    assert found
    return found
