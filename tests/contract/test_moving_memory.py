"""How much memory an export takes: as much for a large app as for a small one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.server.store import Draft, Reach, Stored, insert_messages
from tests.contract.messaging import make, subscribe
from tests.contract.moving_stage import PROGRAM, Source, imbridge, keys_of, source_app

STATUS = Path("/proc/self/status")
PEAK = f"import atexit; atexit.register(lambda: print(open('{STATUS}').read())); {PROGRAM}"
FEW, MANY, SUBSCRIBERS = 20, 10_000, 16
"""Messages, and who subscribes to a twentieth of them."""

LARGEST = "x" * 5000
LIMIT = 12
"""MB more than for a few; twenty thousand took 7 more, and with pages of a thousand 26."""


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Source]:
    async with source_app(tmp_path, 0) as source:
        yield source


async def speak(source: Source, service: str, messages: int) -> None:
    """Messages as large as any, of which a twentieth are for all subscribers of a service."""
    group, now = await make(source.service), source.service.clock()
    for start in range(0, messages, 500):
        some = [
            Stored(
                Draft(
                    reach=Reach.NORMAL if number % 20 else Reach.SUBSCRIBERS,
                    conv_id=group if number % 20 else service,
                    sender="tom",
                    data=LARGEST,
                ),
                f"{messages}-{number:010d}",
                now + number,
            )
            for number in range(start, min(start + 500, messages))
        ]
        async with source.service.server.engine.write() as connection:
            await connection.run_sync(insert_messages, some, some[-1].timestamp)


async def peak_of_export(source: Source, folder: Path, messages: int) -> float:
    """MB; the export brings at least so many messages."""
    words = ("export", str(folder), "--allow-private-addresses")
    process = await imbridge(*words, url=source.url, folder=folder.parent, program=PEAK)
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    assert len(keys_of(folder / "messages.jsonl")) >= messages
    return next(int(line.split()[1]) / 1024 for line in said.decode().splitlines() if "VmHWM" in line)


@pytest.mark.skipif(not STATUS.exists(), reason="a process's peak memory is read from /proc")
async def test_an_export_takes_no_more_memory_for_a_large_app(source: Source, tmp_path: Path) -> None:
    service = await make(source.service, "service")
    await subscribe(source.service, service, *(f"s{number}" for number in range(SUBSCRIBERS)))
    await speak(source, service, FEW)
    small = await peak_of_export(source, tmp_path / "small", FEW)
    await speak(source, service, MANY)
    large = await peak_of_export(source, tmp_path / "large", MANY)
    assert large - small < LIMIT, f"{small:.1f} MB for {FEW} messages, {large:.1f} MB for {MANY}"
