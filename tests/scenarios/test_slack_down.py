"""Slack is down for a while: results are kept, and posted when it is back, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.database.engine import Database
from bridge.database.posts import PostStore
from bridge.invocation import Place
from bridge.outbox import Outbox
from bridge.phrases import phrase
from bridge.playground.model import Message
from bridge.reply import Button, Buttons, File, Reply, Tone
from bridge.slack.answer import Answer, Deadlines
from bridge.slack.asker import Asker
from bridge.slack.letters import Letters
from tests.contract.bridge.making import Clock
from tests.scenarios.slack_stage import Stage, stage
from tests.unit.playground.stage import NEWS, SECRET, TOM

RESULT = Reply(
    phrase("Sent: “{text}”", text="周六有晚会！"), (Buttons((Button(phrase("Look"), "delivery show d1"),)),)
)
QUESTION = Reply(phrase("Unknown: “{text}”", text="周六有晚会！"), tone=Tone.DOUBT, key="delivery:d1:7")
DOWN: list[dict[str, Any]] = [
    {"status": 503, "times": 3},
    {"status": 429, "retry_after": 600, "times": 3},
    {"status": 200, "error": "internal_error", "times": 3},
]
AGAIN = "Slack left open whether this stands here already."


@asynccontextmanager
async def outbox(on: Stage, folder: Path) -> AsyncIterator[Outbox]:
    """The outbox of a bridge that is on duty, for whom pauses pass at once."""
    database = await Database.open(f"sqlite:///{folder}/bridge.db")
    clock = Clock()
    box = Outbox(PostStore(database, "one", clock), Letters(on.outbound), clock, 0.02)

    async def hurry() -> None:
        while True:
            clock.advance(1_000)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(box.work()), asyncio.create_task(hurry())]
    try:
        yield box
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await database.close()


def there(on: Stage) -> list[Message]:
    """What tom sees in the news channel."""
    return on.workspace.visible(NEWS, TOM)


@pytest.mark.parametrize("how", DOWN, ids=["503", "429", "internal error"])
async def test_a_result_is_posted_once_when_slack_is_back(tmp_path: Path, how: dict[str, Any]) -> None:
    async with stage() as on, outbox(on, tmp_path) as box:
        here = Place(on.workspace.team.id, NEWS)
        on.workspace.fail("chat.postMessage", **how)
        await box.post(here, RESULT, "fire:party:1")
        await box.post(here, Reply(phrase("Afterwards")), "fire:party:2")
        await on.workspace.heard(lambda message: message.shown.startswith("Afterwards"))
        first, second = there(on)
        assert first.shown.startswith("Sent: “周六有晚会！”")
        assert [element["type"] for _, element in first.elements] == ["button"]
        # Only where Slack did not say whether it had taken it is there anything to explain.
        assert (AGAIN in first.shown) == (how["status"] != 429)
        assert AGAIN not in second.shown


async def test_a_result_that_had_arrived_after_all_is_posted_again_and_says_so(tmp_path: Path) -> None:
    """A post has no idempotency key: silence would be worse than saying it twice."""
    async with stage() as on, outbox(on, tmp_path) as box:
        on.workspace.fail("chat.postMessage", status=500, acts=True)
        await box.post(Place(on.workspace.team.id, NEWS), RESULT, "fire:party:1")
        await on.workspace.heard(lambda message: AGAIN in message.shown)
        assert [AGAIN in message.shown for message in there(on)] == [False, True]


async def test_a_late_answer_to_a_command_is_kept_as_well(tmp_path: Path) -> None:
    async with stage() as on, outbox(on, tmp_path) as box:
        here = Place(on.workspace.team.id, NEWS)
        answer = Answer("a1", on.outbound, here, Asker(TOM), Deadlines(), box.post)
        on.workspace.fail("chat.postMessage", status=429, retry_after=600)

        async def work() -> Reply:
            return RESULT

        await answer.follow(asyncio.create_task(work()))
        message = await on.workspace.heard(lambda message: message.shown.startswith("Sent: “周六有晚会！”"))
        assert there(on) == [message]


async def test_a_question_that_was_asked_is_not_asked_again_by_another_process(tmp_path: Path) -> None:
    """SIGKILL after the question stands in the channel: whoever takes the delivery over asks under the same key."""
    async with stage() as on, outbox(on, tmp_path) as box:
        here = Place(on.workspace.team.id, NEWS)
        answer = Answer("a1", on.outbound, here, Asker(TOM), Deadlines(progress_every=0), box.post)
        go_on = asyncio.Event()

        async def work() -> Reply:
            await answer.tell(Reply(phrase("Sending: “周六有晚会！”"), tone=Tone.WORKING))
            await go_on.wait()
            return QUESTION

        following = asyncio.create_task(answer.follow(asyncio.create_task(work())))
        progress = await on.workspace.heard(lambda message: message.shown.startswith("Sending"))
        go_on.set()
        await following
        asked = await on.workspace.heard(lambda message: message.shown.startswith("Unknown"))
        assert asked.ts == progress.ts
        await box.post(here, QUESTION, QUESTION.key_in(NEWS, "another"))
        await box.post(here, Reply(phrase("Afterwards")), "afterwards")
        await on.workspace.heard(lambda message: message.shown.startswith("Afterwards"))
        assert [each.shown.split()[0] for each in there(on)] == ["Unknown:", "Afterwards"]


async def test_a_channel_that_refuses_the_bot_is_not_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage() as on, outbox(on, tmp_path) as box:
        team = on.workspace.team.id
        await box.post(Place(team, SECRET), RESULT, "fire:party:1")
        await box.post(Place(team, NEWS), RESULT, "fire:party:2")
        await on.workspace.heard(lambda message: message.channel == NEWS)
        calls = [each.target for each in on.workspace.exchanges].count("POST /api/chat.postMessage")
        assert calls == 2
    assert "fire:party:1 can't be posted" in caplog.text


async def test_a_file_goes_along_when_slack_is_back(tmp_path: Path) -> None:
    async with stage() as on, outbox(on, tmp_path) as box:
        on.workspace.fail("chat.postMessage", status=503)
        reply = Reply(phrase("Exported."), (File("rows.csv", "id,name\n"),))
        await box.post(Place(on.workspace.team.id, NEWS), reply, "fire:export:1")
        await on.workspace.heard(lambda message: "rows.csv" in message.shown and message.user != TOM)
        assert any("Exported." in message.shown for message in there(on))
