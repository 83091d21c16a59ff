"""What a test or a live page is told of changes, and what time it is in the workspace."""

import asyncio

import pytest

from bridge.playground.model import Change, Message
from bridge.playground.state import NotHeardError
from bridge.playground.workspace import Workspace
from tests.unit.playground.stage import NEWS, TOM, furnish


async def said(workspace: Workspace, text: str) -> Message:
    return workspace.post(Message(NEWS, workspace.new_ts(), TOM, text))


async def test_what_was_said_already_is_heard_at_once_and_what_comes_when_it_comes() -> None:
    async with furnish(Workspace()) as workspace:
        first = await said(workspace, "hello")
        assert await workspace.heard(lambda m: m.text == "hello") == first
        waiting = asyncio.create_task(
            workspace.heard(lambda m: m.text == "hello", NEWS, since=workspace.position)
        )
        await asyncio.sleep(0)
        second = await said(workspace, "hello")
        assert await waiting == second


async def test_a_message_is_heard_when_it_is_edited_so() -> None:
    async with furnish(Workspace()) as workspace:
        message = await said(workspace, "sending")
        waiting = asyncio.create_task(workspace.heard(lambda m: m.text == "sent"))
        await asyncio.sleep(0)
        workspace.change(message, text="sent")
        assert (await waiting).versions == 2


async def test_what_is_never_said_fails_with_what_was_said_instead() -> None:
    async with furnish(Workspace()) as workspace:
        await said(workspace, "something else")
        with pytest.raises(NotHeardError, match="something else"):
            await workspace.heard(lambda m: m.text == "hello", within=0.01)


async def test_a_page_that_falls_behind_finds_one_gap() -> None:
    async with furnish(Workspace()) as workspace:
        with workspace.listening(limit=2) as queue:
            for number in range(3):
                await said(workspace, str(number))
            assert [queue.get_nowait().kind] == ["gap"]
            assert queue.empty()
            await said(workspace, "next")
            assert queue.get_nowait().kind == "posted"


async def test_changes_come_in_order_until_the_reader_leaves() -> None:
    async with furnish(Workspace()) as workspace:
        seen: list[Change] = []

        async def read() -> None:
            async for change in workspace.changes():
                seen.append(change)
                if change.kind == "deleted":
                    return

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        message = await said(workspace, "a")
        workspace.delete(workspace.change(message, text="b"))
        await reading
        assert [change.kind for change in seen] == ["posted", "updated", "deleted"]
        assert [change.number for change in seen] == sorted(change.number for change in seen)


async def test_time_is_the_injected_clocks_and_timestamps_never_repeat() -> None:
    async with furnish(Workspace(clock=lambda: 1_700_000_000_000)) as workspace:
        assert [workspace.new_ts() for _ in range(3)] == [f"1700000000.00000{n}" for n in range(3)]
        workspace.shift_ms += 1_000
        assert workspace.now() == 1_700_000_001_000
        assert workspace.new_ts() == "1700000001.000000"
