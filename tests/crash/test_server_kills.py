"""The messaging server is killed at random moments: every message that it answered with a msg-id is in its history.

Senders send over REST all the while; each life is on the same port and database as the last one. `make crash` kills a
hundred times on each database.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.receiver import Receiver, receiving
from tests.crash.processes import free_port, nursery
from tests.crash.stage import IDENTITY

KILLS = int(os.environ.get("CRASH_KILLS", "10")) // 2
SEED = 11
SENDERS = 12
LONGEST_LIFE = 0.8
"""Seconds of sending before a kill."""
BORN_DEAD = 0.15
"""This share of the lives is killed before it listens."""
HEADERS = {
    "X-LC-Id": IDENTITY["LEANCLOUD_APP_ID"],
    "X-LC-Key": f"{IDENTITY['LEANCLOUD_MASTER_KEY']},master",
}
RTM = "/1.2/rtm"
PUSH = {"push_data": {"alert": "hello"}}
SETTINGS = "realtime:\n  plan: unlimited\n  hooks: {{push: {push}}}\n"


def is_pushed(text: str) -> bool:
    """Whether a message has push data: one in ten."""
    return text.endswith("0")


@dataclass
class Run:
    """What was sent and what was answered."""

    http: httpx.AsyncClient
    conv_id: str = ""
    sent: int = 0
    answered: dict[str, str] = field(default_factory=dict)
    """The texts of the messages by the ids that they were answered with."""

    async def send(self) -> None:
        """Sends one message after the other, each once, whether anybody answers or not."""
        while True:
            self.sent += 1
            text = f"message {self.sent}"
            body = {"from_client": "tom", "message": text, **(PUSH if is_pushed(text) else {})}
            try:
                path = f"{RTM}/conversations/{self.conv_id}/messages"
                response = await self.http.post(path, json=body)
            except httpx.HTTPError:
                await asyncio.sleep(0.01)
                continue
            assert response.status_code == 200, response.text
            self.answered[response.json()["msg-id"]] = text

    async def history(self) -> dict[str, str]:
        """Everything that the conversation holds, by id."""
        found: dict[str, str] = {}
        start: dict[str, Any] = {}
        while True:
            query = {"limit": 1000, "reversed": "true", **start}
            response = await self.http.get(f"{RTM}/conversations/{self.conv_id}/messages", params=query)
            rows = response.raise_for_status().json()
            found |= {row["msg-id"]: row["data"] for row in rows}
            if len(rows) < 1000:
                return found
            start = {"timestamp": rows[-1]["timestamp"], "msgid": rows[-1]["msg-id"]}


@asynccontextmanager
async def sending(run: Run) -> AsyncIterator[None]:
    """Senders that send until the block ends."""
    tasks = [asyncio.create_task(run.send()) for _ in range(SENDERS)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []


async def killed_again_and_again(folder: Path, database_url: str, receiver: Receiver) -> Run:
    """Kills the server so often, and checks after each death."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    (folder / "app.yaml").write_text(SETTINGS.format(push=f"{receiver.url}/push"))
    port = free_port()
    http = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=HEADERS, trust_env=False, timeout=20
    )
    async with http, nursery("server", str(port), database_url, folder=folder, given=IDENTITY) as server:
        await server.bear()
        await server.ready()
        made = await http.post(f"{RTM}/conversations", json={"m": ["tom", "jerry"]})
        run = Run(http, made.raise_for_status().json()["objectId"])
        async with sending(run):
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.05, LONGEST_LIFE))
                await server.kill()
                while chance.random() < BORN_DEAD:
                    await server.bear()
                    await asyncio.sleep(chance.uniform(0, 0.2))
                    await server.kill()
                known = dict(run.answered)
                await server.bear()
                await server.ready()
                kept = await run.history()
                assert {one: text for one, text in known.items() if kept.get(one) != text} == {}
        kept = await run.history()
        assert max(Counter(kept.values()).values()) == 1, "a message is there twice"
        assert set(run.answered) <= set(kept)
        # What the last life had begun to hand over is held for some seconds, and then handed over again.
        async with asyncio.timeout(60):
            pushed = {one for one, sent in kept.items() if is_pushed(sent)}
            while not pushed <= {body["id"] for body in receiver.heard("push")}:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.1)
    return run


@pytest.mark.timeout(120 + 4 * KILLS)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_no_message_that_was_answered_is_lost_and_no_push_of_one(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    sqlite = f"sqlite:///{tmp_path}/realtime.db"
    url = sqlite if database == "sqlite" else str(request.getfixturevalue("postgres_url"))
    async with receiving() as receiver:
        run = await killed_again_and_again(tmp_path, url, receiver)
    print(f"{database}: {KILLS} kills, {run.sent} sent, {len(run.answered)} answered")  # noqa: T201
    assert len(run.answered) >= 10 * KILLS
