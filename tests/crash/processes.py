"""Processes that are killed without warning, and those that outlive them."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

OUTPUT = "output.txt"
"""What a nursery's lives say, one after the other."""
ROOT = Path(__file__).parents[2]
UNWANTED = ("PYTHONDONTWRITEBYTECODE", "LEANCLOUD_", "SLACK_", "IMBRIDGE_", "PORT", "HOST")
"""Of this process's environment: what would set up the children, or slow every start."""
READY_SECONDS = 60.0


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What a child sees."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
    return {**kept, "PYTHONPATH": str(ROOT), **given}


def free_port() -> int:
    """A port that nobody listens on, for a process that comes back to the same one after each death."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Nursery:
    """Bears lives of one kind, one at a time; each is killed by SIGKILL."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self._process = process
        self._output = output
        self._living: int | None = None
        self._said_before = 0

    async def bear(self) -> None:
        """Begin a life; it is born when this returns, and not yet ready for anything."""
        self._said_before = self._output.stat().st_size if self._output.exists() else 0
        self._living = int(await self._ask("live"))

    async def ready(self) -> None:
        """Wait until the life says that it listens."""
        async with asyncio.timeout(READY_SECONDS):
            while "listening on " not in self._said():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)

    def _said(self) -> str:
        if not self._output.exists():
            return ""
        return self._output.read_bytes()[self._said_before :].decode()

    async def kill(self) -> None:
        """SIGKILL; dead, its ports and locks free, when this returns. AssertionError: it had ended by itself."""
        assert self._living is not None
        os.kill(self._living, signal.SIGKILL)
        self._living = None
        ended = int(await self._ask("bury"))
        assert ended == -signal.SIGKILL, f"it had ended by itself, with {ended}"

    async def close(self) -> None:
        """No more lives."""
        if self._living is not None:
            await self.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _ask(self, word: str) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n".encode())
        return await self._process.stdout.readline()


@asynccontextmanager
async def nursery(
    kind: str, *arguments: str, folder: Path, given: Mapping[str, str]
) -> AsyncIterator[Nursery]:
    """A nursery for lives in a folder, with this environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.nursery",
        kind,
        *arguments,
        cwd=folder,
        env=environment(given),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    made = Nursery(process, folder / OUTPUT)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def lasting(words: Sequence[str], folder: Path, given: Mapping[str, str]) -> AsyncIterator[str]:
    """`imbridge WORDS` until the block ends, from when it has said where it listens; gives its URL."""
    with (folder / "errors.txt").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from bridge.cli import main; main()",
            *words,
            cwd=folder,
            env=environment(given),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("listening on "), (folder / "errors.txt").read_text()
        yield line.removeprefix("listening on ").strip()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
