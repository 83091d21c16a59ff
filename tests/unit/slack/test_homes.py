"""When somebody's Home is made anew, and what stands there when it can't be made."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bridge.errors import Failed
from bridge.invocation import Invocation, Trigger
from bridge.locale import translation
from bridge.phrases import phrase
from bridge.reply import Json, Reply
from bridge.slack.home import REFRESH_ACTION, Homes
from bridge.slack.outbound import Outbound
from bridge.slack.people import People
from bridge.slack.web import SlackWeb

OPENED = {
    "type": "event_callback",
    "team_id": "T1",
    "event": {"type": "app_home_opened", "user": "U1", "tab": "home"},
}
REFRESHED = {
    "type": "block_actions",
    "team": {"id": "T1"},
    "user": {"id": "U1"},
    "view": {"type": "home"},
    "actions": [{"action_id": REFRESH_ACTION, "type": "button"}],
}


class Wire(SlackWeb):
    """Keeps what would be published."""

    def __init__(self) -> None:
        super().__init__(None)
        self.published: list[Any] = []
        self.refusing = False

    async def call(
        self, method: str, body: Mapping[str, Json] | None = None, query: Mapping[str, str] | None = None
    ) -> dict[str, Json]:
        if self.refusing:
            raise Failed(phrase("no"), code="invalid_blocks")
        self.published.append(body)
        return {"ok": True}


class Desk:
    """A Home with its hands on the clock."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.asked: list[Invocation] = []
        self.waits: list[float] = []
        self.go = asyncio.Event()
        self.wire = Wire()
        self.breaks = False
        outbound = Outbound(self.wire, "en-US", translation)
        self.homes = Homes(
            self._build, self.wire, outbound, People(self.wire), clock=lambda: self.now, sleep=self._sleep
        )

    async def _build(self, invocation: Invocation) -> Reply:
        self.asked.append(invocation)
        if self.breaks:
            raise LookupError("gone")
        return Reply(phrase("Done"))

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self.go.wait()
        self.now += int(seconds * 1000)

    async def sees(self, *bodies: Mapping[str, Any]) -> "list[asyncio.Task[None]]":
        """These come in one after the other; gives their tasks."""
        tasks: list[asyncio.Task[None]] = []
        for body in bodies:
            assert self.homes.handles(body)
            self.homes.begin(body, lambda coroutine: tasks.append(asyncio.create_task(coroutine)))
            await asyncio.sleep(0)
        return tasks


async def test_it_is_published_to_whoever_opens_it_as_what_buttons_would_be_asked_for() -> None:
    desk = Desk()
    await asyncio.gather(*await desk.sees(OPENED))
    (published,) = desk.wire.published
    assert published["user_id"] == "U1"
    assert published["view"]["type"] == "home"
    (asked,) = desk.asked
    assert (asked.actor.id, asked.place.team, asked.place.channel) == ("U1", "T1", "U1")
    assert asked.trigger is Trigger.BUTTON


async def test_it_is_made_anew_once_for_all_who_ask_within_seconds() -> None:
    desk = Desk()
    await asyncio.gather(*await desk.sees(OPENED))
    desk.now += 1_000
    waiting = await desk.sees(REFRESHED, OPENED, REFRESHED)
    assert len(desk.asked) == 1
    assert desk.waits == [2.0]
    desk.go.set()
    await asyncio.gather(*waiting)
    assert len(desk.wire.published) == 2


async def test_later_it_is_made_anew_at_once() -> None:
    desk = Desk()
    await asyncio.gather(*await desk.sees(OPENED))
    desk.now += 3_000
    await asyncio.gather(*await desk.sees(REFRESHED))
    assert desk.waits == []
    assert len(desk.wire.published) == 2


async def test_one_that_can_not_be_made_says_so_with_an_error_id() -> None:
    desk = Desk()
    desk.breaks = True
    await asyncio.gather(*await desk.sees(OPENED))
    assert "Something went wrong in imbridge itself." in str(desk.wire.published)
    assert desk.asked[0].id in str(desk.wire.published)


async def test_one_that_slack_refuses_is_left_as_it_stood() -> None:
    desk = Desk()
    desk.wire.refusing = True
    await asyncio.gather(*await desk.sees(OPENED))
    assert desk.wire.published == []


async def test_the_tab_of_messages_is_left_alone() -> None:
    desk = Desk()
    body = {**OPENED, "event": {**OPENED["event"], "tab": "messages"}}  # type: ignore[dict-item]
    assert desk.homes.handles(body)
    desk.homes.begin(body, asyncio.create_task)
    assert desk.asked == []
