"""Dialogues about who may do what: roles, rules, guests, help, why, and schedules whose owner may no longer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.cron import Schedule
from bridge.errors import BadConfiguration
from bridge.invocation import Place
from bridge.playground.model import Channel, User, UserGroup
from bridge.slack.manifest import SCOPES
from tests.scenarios.office import OPS, PEOPLE, TEAM, Office, Setup, opened

MIA, BEN, GUS = PEOPLE.values()
BACK, SUPPORT = "C0BACK0001", "S0SUPPORT1"
RULES: Mapping[str, object] = {
    "roles": {
        "support": {"groups": [SUPPORT]},
        "back": {"channels": [BACK]},
        "lead": {"users": [BEN]},
        "agency": {"users": [GUS]},
    },
    "rules": [
        {"name": "reading", "run": "reads"},
        {
            "name": "answering",
            "who": "support",
            "run": "notify",
            "conversations": "News",
            "clients": 2,
            "from": "boss",
            "without": "push",
            "in": OPS,
        },
        {"name": "telling-all", "who": "lead", "run": ["broadcast", "schedule", "conv"]},
        {"name": "publishing", "who": "back", "run": "publish", "approve": {"role": "lead"}},
        {"name": "kicking", "who": "back", "run": "client", "confirm": True},
        {"name": "counting", "who": "agency", "run": "stats"},
    ],
}


def local(seconds: float) -> str:
    """UTC's wall clock that many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def join(office: Office, *users: str) -> None:
    """Make these the support team, and nobody else."""
    office.workspace.groups[SUPPORT] = UserGroup(SUPPORT, "support", "Support", users)


def furnish(office: Office) -> None:
    """Mia is of support and in the back office, Ben leads, Gus helps out from an agency."""
    join(office, MIA)
    members = frozenset({MIA, office.workspace.app.user_id})
    office.workspace.add_channel(Channel(BACK, "back", "private", members))


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Office]:
    """An office with rules and a system conversation."""
    async with opened(tmp_path, Setup(access=RULES)) as office:
        furnish(office)
        await office.says("ben", "#ops", "/im conv create News --system")
        yield office


# -- Rules -------------------------------------------------------------------------------------------------------------


async def test_support_tells_one_user_something_but_not_everyone(ruled: Office) -> None:
    await ruled.says("mia", "#ops", "/im notify News Your refund has arrived. --to tom")
    await ruled.heard("Sent: “Your refund has arrived.”")
    async with ruled.unchanged():
        await ruled.says("mia", "#ops", "/im broadcast News Your refund has arrived.")
        await ruled.heard(
            "No rule lets you run broadcast here.",
            "The rule telling-all asks for: the role lead.",
            to_all=False,
        )


@pytest.mark.parametrize(
    ("channel", "line", "needed"),
    [
        ("#ops", "notify News hi --to tom,jerry,spike", "--to for at most 2 users"),
        ("#ops", "notify News hi --to tom --from ceo", "--from boss"),
        ("#ops", "notify News hi --to tom --push hi", "no --push"),
        ("#ops", "notify Other hi --to tom", "one of the conversations News"),
        ("#ops", "notify Lost hi --to tom", "one of the conversations News (nobody could say)"),
        ("#back", "notify News hi --to tom", f"the channel {OPS}"),
        ("#ops", "notify News hi --to-list nowhere", "--to for at most 2 users (nobody could say)"),
    ],
)
async def test_arguments_and_places_that_a_rule_leaves_out_are_refused(
    ruled: Office, channel: str, line: str, needed: str
) -> None:
    await ruled.says("ben", "#ops", "/im conv create Other --system")
    async with ruled.unchanged():
        await ruled.says("mia", channel, f"/im {line}")
        await ruled.heard("No rule lets you run notify here.", needed, to_all=False)


async def test_a_conversation_is_known_by_its_id_whatever_it_is_called(ruled: Office) -> None:
    await ruled.says("mia", "#ops", f"/im notify {await ruled.id_of('News')} hi --to tom")
    await ruled.heard("Sent: “hi”")


async def test_a_service_that_cannot_be_asked_which_conversation_it_is_lets_nothing_through(
    ruled: Office,
) -> None:
    ruled.line.cut = "conversations"
    await ruled.says("mia", "#ops", "/im notify News hi --to tom")
    await ruled.heard("No rule lets you run notify here.", to_all=False)
    ruled.line.cut = None
    assert await ruled.inbox("tom", "News") == []


async def test_what_must_be_confirmed_or_approved_waits_for_somebodys_word(ruled: Office) -> None:
    async with ruled.unchanged():
        await ruled.says("mia", "#ops", "/im publish News hi")
        await ruled.heard("Proposed: “hi”", "approved by somebody else, of the role lead, within 1h")
        await ruled.says("mia", "#ops", "/im client kick tom")
        await ruled.heard("Proposed", "wants client kick confirmed by its author", to_all=False)


# -- People ------------------------------------------------------------------------------------------------------------


async def test_a_guest_is_refused_what_every_member_may_do_and_keeps_what_a_role_gives(ruled: Office) -> None:
    await ruled.says("gus", "#ops", "/im conv list")
    await ruled.heard("No rule lets you run conv list here.", "to be a member of the workspace", to_all=False)
    await ruled.says("gus", "#ops", "/im stats")
    await ruled.heard("users are online")


async def test_without_access_members_read_and_a_guest_is_told_that_he_may_not(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=None)) as office:
        await office.says("mia", "#ops", "/im conv list")
        await office.heard("There is no such conversation.")
        for line in ("conv list", "stats", "help"):
            await office.says("gus", "#ops", f"/im {line}")
            await office.heard(to_all=False)
        await office.says("mia", "#ops", "/im history --all")
        await office.heard("wants history confirmed by its author", to_all=False)


async def test_who_is_of_another_workspace_is_let_in_only_by_name(tmp_path: Path) -> None:
    rules = {**RULES, "roles": {**RULES["roles"], "agency": {"users": [GUS, "U0FAR00001"]}}}  # type: ignore[dict-item]
    async with opened(tmp_path, Setup(access=rules)) as office:
        furnish(office)
        for user in ("U0FAR00001", "U0AWAY0001"):
            office.workspace.add_user(User(user, user.lower(), team_id="T0OTHER001", locale="en-US"))
            office.workspace.join(OPS, user)
        answers = [
            (await office.workspace.command(user, OPS, line)).text
            for user in ("U0FAR00001", "U0AWAY0001")
            for line in ("/im stats", "/im conv list")
        ]
        assert "users are online" in answers[0]
        assert "No rule lets you run conv list here." in answers[1]
        assert answers[2] == answers[3] == "This bot serves another workspace."


async def test_where_slack_does_not_say_who_somebody_is_nothing_is_allowed(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=RULES)) as office:
        furnish(office)
        office.workspace.app = replace(office.workspace.app, scopes=frozenset(SCOPES) - {"users:read"})
        await office.says("ben", "#ops", "/im stats")
        await office.heard("No rule lets you run stats here.", "(nobody could say)", to_all=False)
        await office.says("ben", "#ops", "/im conv create News --system")
        await office.heard("Created")


async def test_a_group_that_cannot_be_looked_up_gives_nobody_its_role(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=RULES)) as office:
        furnish(office)
        office.workspace.app = replace(office.workspace.app, scopes=frozenset(SCOPES))
        await office.says("mia", "#ops", "/im notify News hi --to tom")
        await office.heard(
            "No rule lets you run notify here.", "the role support (nobody could say)", to_all=False
        )


# -- Asked -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "line", "words"),
    [
        ("mia", "notify News hi --to tom", ["You may run notify here.", "The rule answering allows notify."]),
        ("mia", "notify", ["You may run notify here.", "type why with the whole of it"]),
        (
            "mia",
            "notify News hi --to a,b,c",
            ["You may not run notify here.", "answering", "--to for at most 2 users"],
        ),
        ("mia", "broadcast News hi", ["You may not run broadcast here.", "telling-all", "the role lead"]),
        ("mia", "publish", ["once it is approved", "of the role lead"]),
        ("mia", "client kick tom", ["once you confirm it", "The rule kicking"]),
        (
            "ben",
            'schedule add "0 10 * * sat" -- publish News hi',
            ["You may not run schedule add", "publishing"],
        ),
        ("mia", "brodcast", ["There is no command brodcast.", "Did you mean broadcast?"]),
        (
            "mia",
            "notify News",
            ["You may not run notify here.", "nobody could say"],
        ),
    ],
)
async def test_why_says_which_rule_decides_and_what_would_be_needed(
    ruled: Office, who: str, line: str, words: list[str]
) -> None:
    async with ruled.unchanged():
        await ruled.says(who, "#ops", f"/im why {line}")
        await ruled.heard(*words, to_all=False)


async def test_why_changes_with_the_place(ruled: Office) -> None:
    await ruled.says("mia", "#back", "/im why notify News hi --to tom")
    await ruled.heard("You may not run notify here.", "answering", f"the channel {OPS}", to_all=False)


async def test_help_shows_only_what_may_be_run_here(ruled: Office) -> None:
    seen = {
        (who, channel): (await ruled.says(who, channel, "/im help")).splitlines()
        for who, channel in (("mia", "#ops"), ("mia", "#back"), ("ben", "#ops"), ("gus", "#ops"))
    }
    await ruled.heard("help", to_all=False)
    assert "notify" in seen["mia", "#ops"]
    assert "notify" not in seen["mia", "#back"]
    assert "broadcast" not in seen["mia", "#ops"]
    assert "broadcast" in seen["ben", "#ops"]
    assert {"help", "why", "stats"} <= set(seen["gus", "#ops"])
    assert "conv list" not in seen["gus", "#ops"]


async def test_help_on_what_may_not_be_run_says_so(ruled: Office) -> None:
    await ruled.says("mia", "#ops", "/im help broadcast")
    await ruled.heard("You may not run broadcast here.", "why broadcast", to_all=False)
    await ruled.says("ben", "#ops", "/im help broadcast")
    await ruled.heard("broadcast: Send a message to every user", to_all=False)
    await ruled.says("mia", "#ops", "/im help message")
    await ruled.heard("You may not run message here.", to_all=False)


# -- Schedules ---------------------------------------------------------------------------------------------------------

SCHEDULING: Mapping[str, object] = {
    "roles": {"support": {"groups": [SUPPORT]}},
    "rules": [
        {"name": "reading", "run": "reads"},
        {"name": "support", "who": "support", "run": ["conv", "broadcast", "schedule"]},
        {"name": "running", "run": ["schedule run"]},
    ],
}


@pytest.mark.parametrize(
    ("still", "heard", "said"),
    [
        (True, "Sent: “Hi”", ["Hi"]),
        (False, "No rule lets mia, whose schedule this is, run broadcast here.", []),
    ],
)
async def test_a_schedule_fires_as_its_owner_who_may_have_lost_the_right(
    tmp_path: Path, still: bool, heard: str, said: list[str]
) -> None:
    async with opened(tmp_path, Setup(access=SCHEDULING)) as office:
        join(office, MIA)
        await office.says("mia", "#ops", "/im conv create News --system")
        await office.says("mia", "#ops", f"/im schedule add {local(4)} --tz UTC -- broadcast News Hi")
        await office.heard("Scheduled")
    async with opened(tmp_path, Setup(access=SCHEDULING)) as office:
        join(office, MIA if still else BEN)
        await office.workspace.heard(lambda message: heard in message.shown, OPS, within=15)
        assert await office.texts("News") == said


async def test_nobody_schedules_what_they_may_not_do(ruled: Office) -> None:
    await ruled.says("ben", "#ops", '/im schedule add "0 10 * * sat" -- notify News hi --to tom')
    await ruled.heard("No rule lets ben, whose schedule this is, run notify here.", to_all=False)
    await ruled.says("ben", "#ops", "/im schedule list")
    await ruled.heard("There are no schedules.")


async def test_a_schedule_that_somebody_runs_now_runs_with_their_rights(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=SCHEDULING)) as office:
        join(office, MIA)
        await office.says("mia", "#ops", "/im conv create News --system")
        await office.says(
            "mia", "#ops", f"/im schedule add {local(600)} --tz UTC --name party -- broadcast News Hi"
        )
        await office.says("ben", "#ops", "/im schedule run party")
        await office.heard("No rule lets you run broadcast here.", to_all=False)
        await office.says("mia", "#ops", "/im schedule run party")
        await office.heard("Sent: “Hi”")
        assert await office.texts("News") == ["Hi"]


async def test_who_may_not_run_a_missed_fire_leaves_the_question_to_others(tmp_path: Path) -> None:
    at = datetime.now(UTC) + timedelta(seconds=3)
    party = Schedule("party", f"{at:%Y-%m-%dT%H:%M:%S}", "UTC", "broadcast News Hi", Place(TEAM, OPS), 1)
    setup = Setup(access=SCHEDULING, schedules=(party,))
    async with opened(tmp_path, setup) as office:
        join(office, MIA)
        await office.says("mia", "#ops", "/im conv create News --system")
    await asyncio.sleep((at - datetime.now(UTC)).total_seconds() + 0.5)
    async with opened(tmp_path, setup) as office:
        join(office, MIA)
        question = await office.workspace.heard(lambda message: "Send now" in message.shown, OPS)
        await office.presses("ben", question, "Send now")
        await office.heard("No rule lets you run broadcast here.", to_all=False)
        await office.presses("mia", question, "Send now")
        await office.heard("Sent: “Hi”")
        assert await office.texts("News") == ["Hi"]


async def test_rules_that_cannot_be_meant_open_no_office(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"access\.rules\[0\]\.run: 'notfy' is no command"):
        async with opened(tmp_path, Setup(access={"rules": [{"name": "a", "run": "notfy"}]})):
            pass
