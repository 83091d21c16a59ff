"""The processes that are measured: started in a folder of their own, stopped for certain, and what they have used."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTENING = "listening on "
START_SECONDS = 60.0
STOP_SECONDS = 10.0
LOOK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Process:
    """A running server; `ready_seconds` is from its start until it said where it listens."""

    pid: int
    url: str
    started: float
    ready_seconds: float

    def cpu_seconds(self) -> float:
        """Time on a processor so far, all threads together."""
        times = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in times) / 1e9

    def memory_mb(self) -> float:
        """Resident memory, in units of 1,000,000 bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        resident = next(line for line in lines if line.startswith("VmRSS:"))
        return int(resident.split()[1]) * 1024 / 1e6


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child sees: nothing of this machine but its PATH, and modules from compiled files."""
    return {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), **(more or {})}


def python(code: str) -> list[str]:
    """The command line that runs this code in the same Python."""
    return [sys.executable, "-c", code]


def made(folder: Path) -> Path:
    """A new folder."""
    folder.mkdir()
    return folder


@asynccontextmanager
async def serving(
    command: Sequence[str], folder: Path, given: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """A server until the block ends, from when it has said `listening on URL`; its output is kept in `folder`."""
    output = folder / "output.txt"
    with output.open("wb") as into:
        started = time.perf_counter()
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=environment(given),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=into,
            stderr=into,
        )
        try:
            url = await _address(child, output)
            yield Process(child.pid, url, started, time.perf_counter() - started)
        finally:
            await _stop(child)


async def _address(child: asyncio.subprocess.Process, output: Path) -> str:
    async with asyncio.timeout(START_SECONDS):
        while child.returncode is None:
            if url := _told(output):
                return url
            await asyncio.sleep(LOOK_SECONDS)
    raise RuntimeError(f"a server ended with {child.returncode}; its output:\n{_text(output)}")


def _told(output: Path) -> str | None:
    for line in _text(output).splitlines(keepends=True):
        _, told, url = line.partition(LISTENING)
        if told and url.endswith("\n"):
            return url.strip()
    return None


def _text(output: Path) -> str:
    return output.read_text(errors="replace")


async def _stop(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        await asyncio.wait_for(child.wait(), STOP_SECONDS)
    except TimeoutError:
        child.kill()
        await child.wait()
