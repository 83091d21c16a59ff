"""Dialogues with the app's Home: what waits, what is coming, what goes out, and what somebody may do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from bridge.cron import Schedule
from bridge.invocation import Place
from bridge.playground.blocks import view_faults
from bridge.playground.model import User
from bridge.slack.answer import Deadlines
from tests.scenarios.at_home import home_of, opens_home, presses_at_home, read
from tests.scenarios.office import OPS, PEOPLE, TEAM, Office, Setup, opened

MIA, BEN, GUS = PEOPLE.values()
RULES: Mapping[str, object] = {
    "roles": {"leads": {"users": [BEN]}, "crew": {"users": [MIA, BEN]}},
    "rules": [
        {"name": "reading", "who": "crew", "run": ["conv"]},
        {
            "name": "telling-all",
            "who": "crew",
            "run": ["broadcast", "notify"],
            "approve": {"role": "leads", "within": "1h"},
        },
    ],
}

COUNTING: Mapping[str, object] = {
    "roles": {"crew": {"users": [MIA, BEN]}},
    "rules": [
        {"name": "all", "who": "crew", "run": ["reads", "conv"]},
        {"name": "telling-all", "who": "crew", "run": "broadcast", "confirm": True},
    ],
}


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Office]:
    """Mia proposes, Ben leads, Gus is a guest."""
    async with opened(tmp_path, Setup(access=RULES)) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        yield office


async def test_an_empty_home_says_so_and_offers_what_there_is_to_do(office: Office) -> None:
    home = await opens_home(office, "mia")
    for words in (
        "Nothing waits for yours.",
        "No announcement is scheduled.",
        "Nothing is being sent.",
        "Nothing has been sent yet.",
        "The messaging service",
        "What the plan still allows",
        "■■■■■■■■■■",
        "Broadcast",
        "Freeze everything",
        "Refresh",
    ):
        assert words in home, words


async def test_what_waits_for_somebody_is_shown_whole_and_answered_there(ruled: Office) -> None:
    await ruled.says("mia", "#ops", "/im broadcast News 周六有晚会！ 带上朋友")
    own = await opens_home(ruled, "mia")
    assert "周六有晚会！ 带上朋友" in own
    assert "Reject" in own.splitlines()
    assert "Approve" not in own.splitlines(), "nobody approves their own"
    assert "周六有晚会！ 带上朋友" in await opens_home(ruled, "ben")
    since = await presses_at_home(ruled, "ben", "Approve")
    await ruled.workspace.heard(lambda message: "Sent: “周六有晚会！ 带上朋友”" in message.shown, since=since)
    assert await ruled.texts("News") == ["周六有晚会！ 带上朋友"]
    assert "Nothing waits for yours." in await home_of(ruled, "ben")


async def test_nobody_approves_there_what_they_cannot_read_there(ruled: Office) -> None:
    await ruled.says("mia", "#ops", f"/im broadcast News {'long ' * 400}")
    home = (await opens_home(ruled, "ben")).splitlines()
    assert "It is too long to be read here: answer where it was proposed." in home
    assert "Approve" not in home
    assert "Reject" in home


async def test_a_refusal_of_what_was_pressed_there_is_heard_in_the_direct_message(ruled: Office) -> None:
    await ruled.says("mia", "#ops", "/im broadcast News hi")
    await opens_home(ruled, "ben")
    stale = ruled.workspace.homes[BEN]
    (approve,) = [each["action_id"] for _, each in stale.elements if each["text"]["text"] == "Approve"]
    await presses_at_home(ruled, "ben", "Reject")
    since = ruled.workspace.position
    ruled.workspace.put_view(stale)
    await ruled.workspace.press_in_view(BEN, stale, approve)
    told = await ruled.workspace.heard(
        lambda message: "Nobody's word is wanted" in message.shown, since=since
    )
    assert told.channel == ruled.workspace.direct(ruled.workspace.app.user_id, BEN).id
    assert told.ephemeral_to is None


async def test_everyone_sees_no_more_than_the_commands_would_tell_them(ruled: Office) -> None:
    await ruled.says("mia", "#ops", "/im broadcast News secret")
    await opens_home(ruled, "ben")
    await presses_at_home(ruled, "ben", "Approve")
    home = await opens_home(ruled, "mia")
    assert "secret" not in home, "nobody may list deliveries here"
    for heading in (
        "Lately",
        "On its way",
        "The next seven days",
        "What the plan still allows",
        "Online now",
    ):
        assert heading not in home
    labels = home.splitlines()
    assert "Broadcast" in labels
    assert "Schedules" not in labels


async def test_a_guest_is_told_that_there_is_nothing_for_them(ruled: Office) -> None:
    await ruled.says("mia", "#ops", "/im broadcast News secret")
    home = await opens_home(ruled, "gus")
    assert "There is nothing for you to do here." in home
    assert "Guests and people of other organisations may run nothing here" in home
    for words in ("secret", "News", "Freeze", "Broadcast", "The messaging service"):
        assert words not in home


async def test_a_home_speaks_its_readers_language(office: Office) -> None:
    office.workspace.add_user(User(BEN, "ben", locale="zh-CN"))
    home = await opens_home(office, "ben")
    assert "等你答复" in home
    assert "刷新" in home


async def test_the_week_shows_what_reaches_many_in_the_readers_own_time(tmp_path: Path) -> None:
    ops = Place(TEAM, OPS)
    schedules = (
        Schedule("noon", "0 12 * * *", "Asia/Shanghai", "broadcast News 午饭时间", ops, 600_000),
        Schedule("often", "*/5 * * * *", "UTC", "notify News ping --to tom", ops, 600_000),
        Schedule("figures", "0 9 * * *", "UTC", "quota", ops, 600_000),
    )
    async with opened(tmp_path, Setup(schedules=schedules)) as office:
        office.workspace.add_user(User(MIA, "mia", tz="Asia/Shanghai", locale="en-US"))
        home = await opens_home(office, "mia")
        assert home.count("午饭时间") >= 6
        assert home.count("12:00") == home.count("午饭时间"), "the reader's own clock"
        assert "and later" in home
        assert "ping" in home
        assert "figures" not in home
        assert "Times are those of Asia/Shanghai." in home


async def published(office: Office, opened_by: str) -> str:
    """What stands on the Home of somebody who opens it, though something else goes on meanwhile."""
    with office.workspace.listening() as news:
        await office.workspace.open_home(opened_by)
        async with asyncio.timeout(10):
            while (view := (await news.get()).view) is None or view.user != opened_by:
                pass
    return "\n".join(read(view.body["blocks"]))


async def test_what_goes_out_can_be_stopped_there(tmp_path: Path) -> None:
    waiting = Setup(access=COUNTING, window_ms=600_000, deadlines=Deadlines(ack_after=0.1))
    async with opened(tmp_path, waiting) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        await office.heard("Created")
        await office.says("mia", "#ops", "/im broadcast News wait for me")
        card = await office.heard("Proposed")
        await office.says("mia", "#ops", f"/im {card.elements[0][1]['value']}")
        await office.heard("It goes out in")
        home = await published(office, BEN)
        assert "Planned: “wait for me”" in home
        since = office.workspace.position
        view = office.workspace.homes[BEN]
        (stop,) = [each["action_id"] for _, each in view.elements if each["text"]["text"] == "Stop"]
        await office.workspace.press_in_view(BEN, view, stop)
        await office.workspace.heard(lambda message: "Stopped 1 call" in message.shown, since=since)
        assert await office.texts("News") == []


async def test_everything_is_frozen_and_unfrozen_there(office: Office) -> None:
    await opens_home(office, "mia")
    await presses_at_home(office, "mia", "Freeze everything")
    home = await home_of(office, "mia")
    assert f"Everything is frozen, by {MIA} since" in home
    assert "Freeze everything" not in home
    await presses_at_home(office, "mia", "Unfreeze")
    assert "Freeze everything" in await home_of(office, "mia")


async def test_a_service_that_does_not_answer_is_told(office: Office) -> None:
    office.line.cut = "/stats"
    assert "It gave no answer" in await opens_home(office, "mia")


async def test_a_button_that_needs_more_opens_its_form(office: Office) -> None:
    await opens_home(office, "mia")
    await presses_at_home(office, "mia", "Broadcast")
    (modal,) = office.workspace.stack(MIA)
    assert modal.body["title"]["text"] == "broadcast"


async def test_it_is_made_anew_when_that_is_pressed(office: Office) -> None:
    await opens_home(office, "mia")
    await office.says("mia", "#ops", "/im conv create News --system")
    await office.says("mia", "#ops", "/im broadcast News hello")
    await presses_at_home(office, "mia", "Refresh")
    assert "hello" in await home_of(office, "mia")


async def test_hostile_words_at_their_longest_leave_it_a_home(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create News --system")
    for text in ("&<>" * 1_600, "👩‍🚀" * 400, "\u202eשלום " * 500, "x" * 4_900, "`*_~<!channel>" * 300):
        await office.says("mia", "#ops", f"/im broadcast News -- {text}")
    await opens_home(office, "mia")
    view = office.workspace.homes[MIA].body
    assert view_faults(view) == []
    assert len(view["blocks"]) <= 100
