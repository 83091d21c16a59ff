"""Dialogues about what nobody waits for: one message in its channel shows how far it is, and becomes the result."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from bridge.invocation import Place
from bridge.ledger import Act
from bridge.playground.model import Message
from tests.contract.bridge.making import invocation, plan
from tests.scenarios.office import AT_ONCE, OPS, PEOPLE, TEAM, Office, Setup, opened

MIA = PEOPLE["mia"]
SLOWLY = replace(AT_ONCE, calls_at_once=1, progress_ms=50)
WATCHED = Setup(pace=SLOWLY, progress_after=0.1, progress_every=0.1)
CALLS = 8
AUDIENCE = ",".join(f"u{number}" for number in range(CALLS * 20))


async def fired(office: Office, seconds: float = 1.5) -> None:
    """A schedule that notifies a lot of users, each call of which takes its time, and the moment when it fires."""
    await office.says("mia", "#ops", "/im conv create News --system")
    when = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    line = f"notify News hi --to {AUDIENCE}"
    await office.says("mia", "#ops", f"/im schedule add {when} --tz UTC --name derby -- {line}")
    await office.heard("Scheduled derby.")
    office.inject("slow", "/1.2/rtm/service-conversations/*", delay_ms=300, times=CALLS)


def about(office: Office) -> list[Message]:
    """Every message on the delivery that stands in the channel."""
    return [each for each in office.workspace.visible(OPS, MIA) if "“hi”" in each.shown]


async def becomes(office: Office, *words: str) -> Message:
    """What the channel hears of the delivery, as soon as all these words are in it."""
    return await office.workspace.heard(
        lambda message: "“hi”" in message.shown and all(each in message.shown for each in words),
        OPS,
        within=20,
    )


async def test_a_fire_that_takes_a_while_shows_how_far_it_is_in_one_message_that_becomes_its_result(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, WATCHED) as office:
        await fired(office)
        progress = await becomes(office, "Sending: “hi”", "Calls done: 2 of 8", "Rate", "Time left", "Stop")
        result = await becomes(office, "Sent: “hi”")
        assert (result.ts, about(office)) == (progress.ts, [result])
        assert result.versions > 2
        assert "Stop" not in result.shown


async def test_it_is_stopped_from_there_within_a_call(tmp_path: Path) -> None:
    async with opened(tmp_path, WATCHED) as office:
        await fired(office)
        await office.presses("ben", await becomes(office, "Calls done: 2 of 8"), "Stop")
        await becomes(office, "Canceled: “hi”")
        assert len(await office.rows("News")) <= 4


async def test_what_is_over_soon_is_told_by_its_result_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, replace(WATCHED, progress_after=5.0)) as office:
        await fired(office)
        assert (await becomes(office, "Sent: “hi”")).versions == 1


async def test_what_another_process_left_is_watched_in_its_channel_too(tmp_path: Path) -> None:
    async with opened(tmp_path, WATCHED) as office:
        await office.says("mia", "#ops", "/im conv create News --system")
        news = await office.id_of("News")
    database = await Database.open(f"sqlite:///{tmp_path}/imbridge.db")
    made = replace(plan(act=Act.NOTIFY, text="hi", clients=CALLS * 20), conversation=news, name="News")
    asked = replace(invocation(), place=Place(TEAM, OPS))
    await Ledger(database, "dead").plan(made, asked)
    await database.close()
    async with opened(tmp_path, WATCHED) as office:
        office.inject("slow", "/1.2/rtm/service-conversations/*", delay_ms=300, times=CALLS)
        progress = await becomes(office, "Sending: “hi”", "Calls done", "Stop")
        result = await becomes(office, "Sent: “hi”")
        assert (result.ts, about(office)) == (progress.ts, [result])


@pytest.mark.parametrize(
    "how",
    [{"status": 503}, {"status": 200, "error": "not_in_channel"}, {"status": 503, "acts": True}],
    ids=["unanswered", "refused", "lost"],
)
async def test_progress_that_can_not_be_posted_harms_nothing(tmp_path: Path, how: dict[str, Any]) -> None:
    """It is tried once: where Slack left open whether it stands there, it would stand there again and again."""
    async with opened(tmp_path, WATCHED) as office:
        await fired(office)
        office.workspace.fail("chat.postMessage", **how)
        await becomes(office, "Sent: “hi”")
        assert len(about(office)) == 1 + how.get("acts", False)
        assert not any("chat.update" in each.target for each in office.workspace.exchanges)
        assert len(await office.rows("News")) == CALLS


@pytest.mark.parametrize("how", [{"status": 503}, {"status": 429, "retry_after": 600}], ids=["503", "429"])
async def test_a_result_that_slack_does_not_take_now_still_takes_the_place_of_its_progress(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    async with opened(tmp_path, WATCHED) as office:
        await fired(office)
        progress = await becomes(office, "Calls done: 6 of 8")
        office.workspace.fail("chat.update", times=4, **how)
        result = await becomes(office, "Sent: “hi”")
        assert (result.ts, about(office)) == (progress.ts, [result])
        assert "Slack left open" not in result.shown


async def test_a_result_whose_progress_was_deleted_is_a_message_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path, replace(WATCHED, progress_every=60)) as office:
        await fired(office)
        office.workspace.delete(await becomes(office, "Sending: “hi”"))
        result = await becomes(office, "Sent: “hi”")
        assert about(office) == [result]
