"""Dialogues that go wrong: each answer says what was wrong and what to type instead, and nothing is half done."""

import re
from pathlib import Path

import pytest

from bridge.commands import Effect, command
from bridge.context import Context
from bridge.realtime.client import Credentials
from bridge.reply import Reply
from tests.scenarios.office import Office, Setup, opened

FULL = 5 * 1024
DEEP = '{"a":' * 1000 + "1" + "}" * 1000


@pytest.fixture
async def furnished(office: Office) -> Office:
    """An office with a conversation of each kind, and two of one name."""
    for made in ("Lobby --member tom", "Room --transient", "News --system", "Twin", "Twin --system"):
        await office.says("mia", "#ops", f"/im conv create {made}")
    return office


async def refused(office: Office, line: str, *words: str) -> None:
    """The line is answered with all these words, to its author alone, without a traceback, and nothing comes of it."""
    async with office.unchanged():
        await office.says("mia", "#ops", f"/im {line}")
        told = await office.heard(*words, to_all=False)
        assert "Traceback" not in told.shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        # A command that is not understood.
        ("brodcast News hi", ["There is no command brodcast.", "Did you mean broadcast?"]),
        ("conv lst", ["lst is no command of conv.", "Did you mean conv list?"]),
        ("conv", ["conv needs a second word.", "conv create, conv list"]),
        ("frobnicate", ["There is no command frobnicate.", "Type help to see all."]),
        ("help frobnicate", ["There is no command frobnicate."]),
        # Words that are missing, or too many.
        ("send", ["send needs CONV.", "Type send CONV [TEXT]"]),
        ("send Lobby hi", ["Who speaks? --from ID is missing."]),
        ("send Lobby --from tom", ["There is nothing to say: TEXT is missing."]),
        ("conv show Lobby Room", ["Room is one word too many.", "Put quotes around several words"]),
        ("member add Lobby", ["member add needs ID.", "Type member add CONV ID..."]),
        ("client kick", ["client kick needs ID."]),
        ("message edit Lobby someid", ["message edit needs TEXT."]),
        ('conv create ""', ["The name is empty"]),
        ('conv set Lobby --name " "', ["The name is empty"]),
        # Options that are unknown, or lack their value.
        ("conv create Hall --membre tom", ["conv create has no option --membre.", "Did you mean --member?"]),
        ("send Lobby hi --form tom", ["send has no option --form.", "Did you mean --from?", "put -- before"]),
        ("send Lobby hi --from", ["--from needs a value.", "Type --from ID"]),
        ("send Lobby hi --from tom --from jerry", ["--from was given twice."]),
        ("conv list --kind sytem", ["--kind is one of normal, system", "Did you mean system?"]),
        ("conv list --limit many", ["many does not fit --limit: it takes a whole number."]),
        ("conv list --limit 5000", ["--limit goes from 1 to 1000."]),
        ("subscriber list News --limit 0", ["--limit goes from 1 to"]),
        ("history", ["Name a conversation, a user by --client ID, or the whole app by --all."]),
        ("history Lobby --all", ["--all is the whole app: leave out the rest."]),
        ("history Lobby --client tom", ["for system conversations only", "history --client tom"]),
        ("history Lobby --after 1h --before 2h", ["--after must be earlier than --before."]),
        ("conv set Lobby", ["conv set needs something to change."]),
        ("conv set Lobby --attr a=1 --unset a", ["a can't be both set and taken away"]),
        ("conv set Lobby --attr m=tom", ["m: built in, not a custom attribute"]),
        ("conv create Hall --system --transient", ["either --system or --transient"]),
        (
            "conv create Hall --system --member tom",
            ["Only a normal conversation takes --member", "subscriber add"],
        ),
        (
            "conv create Hall --attr topic",
            ["topic does not fit --attr: it takes KEY=VALUE, such as topic=news."],
        ),
        # Conversations that are not there, or there twice.
        ("send Loby hi --from tom", ["There is no conversation Loby.", "Did you mean Lobby?"]),
        ("conv show Nowhere-at-all-xyz", ["There is no conversation Nowhere-at-all-xyz.", "conv list"]),
        ("conv delete 5eccba570d3a42c5fd4e25c3", ["There is no conversation 5eccba570d3a42c5fd4e25c3."]),
        (
            "conv delete Twin",
            ["Several conversations are called Twin.", "Use an id instead:", "(normal)", "(system)"],
        ),
        ("broadcast Lobby hi", ["Lobby is a normal conversation; this needs a system conversation."]),
        # Values that are none.
        ("send Lobby --json {broken --from tom", ["{broken does not fit --json: it takes a JSON object"]),
        ("send Lobby --json [1] --from tom", ["it takes a JSON object, such as"]),
        ("""send Lobby --json '{"a": NaN}' --from tom""", ["it takes a JSON object"]),
        (r"""send Lobby --json '{"a": "\ud800"}' --from tom""", ["it takes a JSON object"]),
        ("send Lobby hi --from tom --attr delivery=1", ["The attribute delivery is imbridge's own"]),
        (f"send Lobby --json '{DEEP}' --from tom", ["it takes a JSON object"]),
        ("conv list --where {broken", ["{broken does not fit --where"]),
        ("""conv list --where '{"name": {"$frob": 1}}'""", ["The messaging service refused. It said:"]),
        ("send Lobby hi --from tom --push {broken", ["--push begins like JSON and is none"]),
        ("""send Lobby hi --from tom --push '{"a": NaN}'""", ["--push begins like JSON and is none"]),
        (
            "send Lobby --image map.png --from tom",
            ["it takes an address that begins with http:// or https://."],
        ),
        ("send Lobby --location 91,0 --from tom", ["it takes latitude and longitude, such as 31.23,121.47."]),
        (f"send Lobby hi --from {'x' * 65}", ["it takes a client id of 1 to 64 characters."]),
        (
            "send Lobby --image https://a.test/x --file https://a.test/y --from tom",
            ["one of these at a time"],
        ),
        ("send Lobby hi --raw --attr a=1 --from tom", ["A plain string carries no attributes"]),
        ("send Room hi --from tom --push x", ["Room is a transient conversation: it pushes nothing."]),
        ("send Lobby hi --from tom --mention " + ",".join(f"u{n}" for n in range(21)), ["at most 20 users"]),
        # Times.
        ("broadcast News hi --valid-till 2020-01-01", ["--valid-till is in the past", "--valid-till 2h"]),
        ("broadcast News hi --valid-till 60d", ["more than a month ahead"]),
        ("broadcast News hi --valid-till tomorrow", ["it takes a time such as 2026-12-31T23:55"]),
        ("delivery show nosuch", ["There is no delivery nosuch.", "delivery list"]),
        ("delivery resolve nosuch perhaps", ["sent, again, give-up"]),
    ],
)
async def test_what_is_wrong_is_named_with_what_to_type_instead(
    furnished: Office, line: str, words: list[str]
) -> None:
    await refused(furnished, line, *words)


@pytest.mark.parametrize(("letter", "weight"), [("汉", 3), ("🎉", 4), ("x", 1)])
async def test_a_message_is_measured_in_utf_8(furnished: Office, letter: str, weight: int) -> None:
    room = FULL - len('{"_lctype":-1,"_lctext":"","_lcattrs":{"delivery":"0123456789"}}')
    fits = letter * (room // weight)
    await furnished.says("mia", "#ops", f"/im send Lobby {fits} --from tom")
    await furnished.heard("Sent: “")
    assert await furnished.texts("Lobby") == [fits]
    over = (len(fits) + 2) * weight - room
    await refused(
        furnished,
        f"send Lobby {fits}{letter * 2} --from tom",
        "the service takes 5 KB",
        f"Shorten it by {over} bytes.",
    )


async def test_push_counts_towards_the_five_kilobytes(furnished: Office) -> None:
    await refused(furnished, f"broadcast News {'x' * 4000} --push {'y' * 2000}", "5 KB", "push included")


async def test_an_edit_is_measured_too(furnished: Office) -> None:
    await furnished.says("mia", "#ops", "/im send Lobby hi --from tom")
    (row,) = await furnished.rows("Lobby")
    await refused(furnished, f"message edit Lobby {row['msg-id']} {'汉' * 2000}", "5 KB")


async def test_nothing_is_half_done_where_one_of_many_users_is_none(furnished: Office) -> None:
    users = ",".join([*(f"u{number}" for number in range(40)), "x" * 65])
    await refused(furnished, f"notify News hi --to {users}", "it takes a client id of 1 to 64 characters")


# -- The service ------------------------------------------------------------------------------------------------------


async def test_wrong_keys_are_told_without_showing_any(tmp_path: Path) -> None:
    wrong = Credentials("office-app", "", "not-the-master-key")
    async with opened(tmp_path, Setup(credentials=wrong)) as office:
        for line in ("conv create Lobby", "conv list", "history --all"):
            await office.says("mia", "#ops", f"/im {line}")
            told = await office.heard("does not accept our keys", "LEANCLOUD_MASTER_KEY", to_all=False)
            assert "not-the-master-key" not in told.shown
        assert (await office.asks("GET", "/1.2/rtm/all-conversations"))["results"] == []


@pytest.mark.parametrize("line", ["conv list", "conv create Hall", "broadcast News hi", "history Lobby"])
async def test_a_service_that_is_down_is_said_to_be(furnished: Office, line: str) -> None:
    furnished.line.cut = ""
    await refused(furnished, line, "could not be reached", "nothing was done", "Try again in a moment.")


async def test_a_broadcast_that_was_certainly_not_sent_is_tried_and_then_refused(furnished: Office) -> None:
    furnished.line.cut = "POST /1.2/rtm/broadcasts"
    await refused(furnished, "broadcast News hi", "Refused: “hi”")
    furnished.line.cut = None
    assert "refused" in await furnished.says("mia", "#ops", "/im delivery list")


async def test_a_read_that_hangs_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(patience_seconds=0.2)) as office:
        office.inject("hang", "/1.2/rtm/all-conversations", times=0)
        await office.says("mia", "#ops", "/im conv list")
        await office.heard("could not be reached", "no answer in time", to_all=False)


async def test_a_change_without_an_answer_is_in_doubt_and_not_repeated(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(patience_seconds=1.0)) as office:
        office.inject("hang-after", "/1.2/rtm/conversations", method="POST")
        await office.says("mia", "#ops", "/im conv create Lobby")
        await office.heard("may have done it or not", "Look before you repeat it.", to_all=False)
        assert office.line.asked == ["POST /1.2/rtm/conversations"]
        assert await office.id_of("Lobby")


async def test_a_send_without_an_answer_is_looked_up_and_counted_once(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup()) as office:
        await office.says("mia", "#ops", "/im conv create Lobby")
        await office.heard("Created")
    async with opened(tmp_path, Setup(patience_seconds=1.0)) as office:
        office.inject("hang-after", "*/messages", method="POST")
        await office.says("mia", "#ops", "/im send Lobby hi --from tom")
        await office.heard("Sent: “hi”")
        assert await office.texts("Lobby") == ["hi"]


async def test_what_the_service_refuses_is_told_in_its_words(furnished: Office) -> None:
    furnished.inject("refuse", "/1.2/rtm/broadcasts", method="POST")
    await refused(furnished, "broadcast News hi", "Refused: “hi”", "asked for by a fault")


# -- Ourselves ---------------------------------------------------------------------------------------------------------


@command("stumble", Effect.READS, "stumble")
async def stumble(_: Context) -> Reply:
    """Fail in a way that nobody thought of."""
    raise ZeroDivisionError("office-master-key")


async def test_a_fault_of_ours_is_told_by_its_id_which_the_log_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, Setup(commands=[stumble])) as office:
        await office.says("mia", "#ops", "/im stumble")
        told = await office.heard("Something went wrong in imbridge itself.", "error id", to_all=False)
        assert "office-master-key" not in told.shown
        assert "Traceback" not in told.shown
        (fault,) = re.findall(r"error id .*: ([0-9a-f]{8})", told.shown)
        (logged,) = [each for each in caplog.records if fault in each.getMessage()]
        assert logged.exc_info is not None


async def test_a_request_that_slack_delivers_again_acts_once(office: Office) -> None:
    await office.says("mia", "#ops", "/im conv create Lobby")
    for fresh in (False, True):
        await office.workspace.redeliver(fresh=fresh)
    await office.inbound.drain()
    assert await office.id_of("Lobby")
