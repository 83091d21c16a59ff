"""Dialogues about schedules: made in Slack or in app.yaml, fired once, told in their channel."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.cron import Schedule
from bridge.invocation import Place
from tests.scenarios.office import OPS, Office, Setup, opened

TEAM = "T0TEAM0001"


def local(seconds: float) -> str:
    """UTC's wall clock that many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def of_settings(when: str, line: str, grace_ms: int = 600_000) -> Schedule:
    """A schedule as app.yaml has it."""
    return Schedule("derby", when, "UTC", line, Place(TEAM, OPS), grace_ms)


@pytest.fixture
async def news(office: Office) -> Office:
    """An office with a system conversation."""
    await office.says("mia", "#ops", "/im conv create News --system")
    return office


# -- Made in Slack -----------------------------------------------------------------------------------------------------


async def test_a_schedule_shows_its_next_five_fires_when_it_is_made(news: Office) -> None:
    await news.says("mia", "#ops", '/im schedule add "0 10 * * sat" --tz Asia/Shanghai --name party -- stats')
    heard = await news.heard("Scheduled party.", "Next fires", "10:00 CST", "02:00 UTC")
    assert heard.shown.count("10:00 CST") == 5
    await news.says("ben", "#ops", "/im schedule list")
    await news.heard("1 schedule", "party", "0 10 * * sat in Asia/Shanghai", "stats")


async def test_its_time_is_that_of_whoever_made_it(news: Office) -> None:
    await news.says("mia", "#ops", '/im schedule add "0 9 * * mon-fri" --name report -- stats')
    await news.heard("Scheduled report.", "Asia/Shanghai", "09:00 CST")


async def test_at_its_time_it_speaks_and_its_channel_hears_of_it(news: Office) -> None:
    await news.says(
        "mia", "#ops", f"/im schedule add {local(1.5)} --tz UTC --name derby -- broadcast News Go!"
    )
    await news.heard("Scheduled derby.")
    await news.workspace.heard(lambda message: message.shown.startswith("Sent: “Go!”"), OPS, within=15)
    assert await news.texts("News") == ["Go!"]


async def test_a_paused_one_is_silent_until_it_goes_on(news: Office) -> None:
    await news.says("mia", "#ops", '/im schedule add "0 10 * * sat" --tz UTC --name party -- stats')
    await news.says("ben", "#ops", "/im schedule pause party")
    await news.heard("Paused party.")
    await news.says("ben", "#ops", "/im schedule show party")
    await news.heard("State: paused")
    await news.says("ben", "#ops", "/im schedule resume party")
    await news.heard("party goes on.", "10:00 UTC")


async def test_one_fire_is_left_out(news: Office) -> None:
    await news.says("mia", "#ops", '/im schedule add "0 10 * * sat" --tz UTC --name party -- stats')
    await news.says("mia", "#ops", "/im schedule skip party")
    await news.heard("party leaves out")
    await news.says("mia", "#ops", "/im schedule skip party")
    await news.heard("no next fire that could be skipped", to_all=False)


async def test_it_can_be_run_now_and_forgotten(news: Office) -> None:
    await news.says(
        "mia", "#ops", '/im schedule add "0 10 * * sat" --tz UTC --name party -- broadcast News Hi'
    )
    await news.says("ben", "#ops", "/im schedule run party")
    await news.heard("Sent: “Hi”")
    await news.says("ben", "#ops", "/im schedule remove party")
    await news.heard("Removed party.")
    await news.says("ben", "#ops", "/im schedule list")
    await news.heard("There are no schedules.")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ('"0 10 * * 6" -- stats', ("Weekdays are named, not numbered: 6.", "0 10 * * sat")),
        ("2020-01-01T00:00 --tz UTC -- stats", ("has passed or never comes",)),
        ('"0 10 * * sat" --tz Mars/Olympus -- stats', ("no time zone Mars/Olympus", "Asia/Shanghai")),
        ('"0 10 * * sat" -- stast', ("There is no command stast.", "Did you mean stats?")),
        ('"0 10 * * sat" -- send', ("send needs CONV.",)),
        ('"0 10 * * sat" -- schedule list', ("A schedule cannot run schedule list.",)),
        ('"0 10 * * sat"', ("schedule add needs COMMAND.",)),
        ("whenever -- stats", ("whenever",)),
    ],
)
async def test_what_cannot_be_scheduled_is_told_at_once(
    news: Office, typed: str, words: tuple[str, ...]
) -> None:
    await news.says("mia", "#ops", f"/im schedule add {typed}")
    await news.heard(*words, to_all=False)
    await news.says("mia", "#ops", "/im schedule list")
    await news.heard("There are no schedules.")


async def test_two_of_one_name_are_refused(news: Office) -> None:
    for _ in range(2):
        await news.says("mia", "#ops", '/im schedule add "0 10 * * sat" --tz UTC --name party -- stats')
    await news.heard("There is a schedule party already.", to_all=False)


async def test_a_misspelt_one_gets_the_nearest(news: Office) -> None:
    await news.says("mia", "#ops", '/im schedule add "0 10 * * sat" --tz UTC --name party -- stats')
    await news.says("mia", "#ops", "/im schedule show patry")
    await news.heard("There is no schedule patry.", "Did you mean party?", to_all=False)


# -- Of app.yaml -------------------------------------------------------------------------------------------------------


async def test_a_schedule_of_the_settings_fires_and_cannot_be_changed_in_slack(tmp_path: Path) -> None:
    setup = Setup(schedules=(of_settings(local(1.5), "stats"),))
    async with opened(tmp_path, setup) as office:
        await office.workspace.heard(lambda message: "users are online" in message.shown, OPS, within=15)
        await office.says("mia", "#ops", "/im schedule remove derby")
        await office.heard("app.yaml", to_all=False)


async def test_a_failure_is_told_in_the_channel_too(tmp_path: Path) -> None:
    setup = Setup(schedules=(of_settings(local(1.5), "broadcast Nwes Go!"),))
    async with opened(tmp_path, setup) as office:
        await office.workspace.heard(
            lambda message: "There is no conversation Nwes." in message.shown, OPS, within=15
        )


@pytest.mark.parametrize(
    ("label", "heard", "said"),
    [("Send now", "Sent: “Go!”", ["Go!"]), ("Skip", "derby leaves out", [])],
)
async def test_one_that_was_missed_asks_and_does_what_is_answered(
    tmp_path: Path, label: str, heard: str, said: list[str]
) -> None:
    at = datetime.now(UTC) + timedelta(seconds=3)
    setup = Setup(schedules=(of_settings(f"{at:%Y-%m-%dT%H:%M:%S}", "broadcast News Go!", grace_ms=1),))
    async with opened(tmp_path, setup) as office:
        await office.says("mia", "#ops", "/im conv create News --system")
    # Nobody is there when its time comes.
    await asyncio.sleep((at - datetime.now(UTC)).total_seconds() + 0.5)
    async with opened(tmp_path, setup) as office:
        question = await office.workspace.heard(lambda message: label in message.shown, OPS)
        assert await office.texts("News") == []
        lines = {element["text"]["text"]: element["value"] for _, element in question.elements}
        await office.presses("ben", question, label)
        answer = await office.heard(heard)
        assert answer.ts == question.ts
        await office.says("mia", "#ops", f"/im {lines[label]}")
        await office.heard("Nobody has to decide", to_all=False)
        assert await office.texts("News") == said
