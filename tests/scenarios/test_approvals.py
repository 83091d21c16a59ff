"""Dialogues about somebody's word: confirmed, approved, rejected, stopped, frozen."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.context import Defaults
from bridge.playground.model import Channel
from bridge.slack.answer import Deadlines
from tests.scenarios.office import OPS, PEOPLE, Office, Setup, opened

MIA, BEN, GUS = PEOPLE.values()
OTHER = "C0OTHER001"
RULES: Mapping[str, object] = {
    "roles": {"leads": {"users": [BEN]}, "crew": {"users": [MIA, BEN]}},
    "rules": [
        {"name": "reading", "run": ["reads", "conv"]},
        {
            "name": "telling-all",
            "who": "crew",
            "run": ["broadcast", "notify", "publish", "schedule"],
            "approve": {"role": "leads", "within": "1h"},
        },
        {"name": "kicking", "run": "client kick", "confirm": True},
    ],
}


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Office]:
    """Mia proposes, Ben leads; a broadcast does not count down."""
    async with opened(tmp_path, Setup(access=RULES)) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        yield office


@pytest.fixture
async def counting(tmp_path: Path) -> AsyncIterator[Office]:
    """As `ruled`, but a broadcast counts down for ten minutes."""
    async with opened(
        tmp_path, Setup(access=RULES, window_ms=600_000, deadlines=Deadlines(ack_after=0.1))
    ) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        await office.heard("Created")
        yield office


async def proposed(office: Office, line: str = "broadcast News 周六有晚会！") -> str:
    """Mia proposes it in #ops; gives the proposal's id."""
    await office.says("mia", "#ops", f"/im {line}")
    card = await office.heard("Proposed")
    (value,) = [
        element["value"] for _, element in card.elements if element.get("value", "").startswith("approve ")
    ]
    return str(value.removeprefix("approve "))


# -- Approval ----------------------------------------------------------------------------------------------------------


async def test_a_lead_approves_what_the_card_shows_and_it_goes_out_once(ruled: Office) -> None:
    await ruled.says("mia", "#ops", '/im broadcast News "周六有晚会！" --push "Party!"')
    card = await ruled.heard(
        "Proposed: “周六有晚会！”",
        "everyone: 0 online now, 0 were today",
        "boss",
        "Party!",
        "leads",
        "Approve",
    )
    assert await ruled.texts("News") == []
    (line, *_) = [element["value"] for _, element in card.elements]
    await ruled.presses("ben", card, "Approve")
    sent = await ruled.heard("Sent: “周六有晚会！”", f"Proposed by {MIA}, approved by: {BEN}")
    assert sent.ts == card.ts, "the card has become its result"
    assert await ruled.texts("News") == ["周六有晚会！"]

    await ruled.says("ben", "#ops", f"/im {line}")
    await ruled.heard("Nobody's word is wanted any more: it is approved, by", to_all=False)
    assert await ruled.texts("News") == ["周六有晚会！"]


async def test_nobody_approves_their_own_and_nobody_without_the_role(ruled: Office) -> None:
    name = await proposed(ruled)
    await ruled.says("mia", "#ops", f"/im approve {name}")
    await ruled.heard("Somebody else has to approve it: it is your own.", to_all=False)
    await ruled.says("gus", "#ops", f"/im approve {name}")
    await ruled.heard(to_all=False)
    assert await ruled.texts("News") == []


async def test_a_lead_who_proposes_needs_another_lead(ruled: Office) -> None:
    await ruled.says("ben", "#ops", "/im broadcast News hi")
    card = await ruled.heard("Proposed: “hi”")
    await ruled.presses("ben", card, "Approve")
    await ruled.heard("it is your own", to_all=False)
    await ruled.presses("mia", card, "Approve")
    await ruled.heard("It takes somebody of the role leads.", to_all=False)


async def test_what_is_rejected_or_withdrawn_goes_out_never(ruled: Office) -> None:
    refused, withdrawn = (
        await proposed(ruled, "broadcast News one"),
        await proposed(ruled, "broadcast News two"),
    )
    await ruled.says("ben", "#ops", f"/im reject {refused} wrong date")
    await ruled.heard("Rejected by", refused, "wrong date")
    await ruled.says("mia", "#ops", f"/im reject {withdrawn}")
    await ruled.heard("Rejected by", withdrawn)
    for name in (refused, withdrawn):
        await ruled.says("ben", "#ops", f"/im approve {name}")
        await ruled.heard("it is rejected", to_all=False)
    await ruled.says("mia", "#ops", "/im delivery list --state canceled")
    await ruled.heard("2 deliveries")
    assert await ruled.texts("News") == []


async def test_two_approve_at_once_and_it_goes_out_once(ruled: Office) -> None:
    name = await proposed(ruled)
    await asyncio.gather(*(ruled.workspace.command(BEN, OPS, f"/im approve {name}") for _ in range(4)))
    assert await ruled.texts("News") == ["周六有晚会！"]


async def test_approved_elsewhere_the_result_comes_where_it_was_proposed(ruled: Office) -> None:
    ruled.workspace.add_channel(
        Channel(OTHER, "leads", members=frozenset({BEN, ruled.workspace.app.user_id}))
    )
    name = await proposed(ruled)
    since = ruled.workspace.position
    await ruled.says("ben", "#leads", f"/im approve {name}")
    await ruled.heard("Sent: “周六有晚会！”")
    await ruled.workspace.heard(lambda message: "Sent: “周六有晚会！”" in message.shown, OPS, since=since)


async def test_what_waits_is_listed_for_those_who_can_approve_it(ruled: Office) -> None:
    await ruled.says("ben", "#ops", "/im approvals")
    await ruled.heard("Nothing waits", to_all=False)
    name = await proposed(ruled)
    await ruled.says("ben", "#ops", "/im approvals")
    listed = await ruled.heard("1 proposal waits.", name, MIA, to_all=False)
    await ruled.presses("ben", listed, f"Approve {name}")
    assert await ruled.texts("News") == ["周六有晚会！"]


async def test_a_schedule_is_approved_when_it_is_made_and_then_fires(ruled: Office) -> None:
    await ruled.says(
        "mia", "#ops", '/im schedule add "0 10 * * sat" --tz UTC --name party -- broadcast News Hi'
    )
    card = await ruled.heard("Proposed: schedule add", "What it will say:", "Hi", "everyone")
    await ruled.says("ben", "#ops", "/im schedule list")
    await ruled.heard("There are no schedules.")
    await ruled.presses("ben", card, "Approve")
    await ruled.heard("Scheduled party.")
    await ruled.says("ben", "#ops", "/im schedule show party")
    await ruled.heard("The schedule party", MIA)


async def test_an_approved_schedule_needs_no_further_word_when_it_fires(ruled: Office) -> None:
    since = ruled.workspace.position
    at = (datetime.now(UTC) + timedelta(seconds=4)).strftime("%Y-%m-%dT%H:%M:%S")
    await ruled.says("mia", "#ops", f"/im schedule add {at} --tz UTC -- broadcast News Hi")
    card = await ruled.heard("Proposed: schedule add")
    await ruled.presses("ben", card, "Approve")
    await ruled.heard("Scheduled")
    await ruled.workspace.heard(lambda message: "Sent: “Hi”" in message.shown, OPS, since=since, within=15)
    assert await ruled.texts("News") == ["Hi"]


async def test_a_proposal_whose_author_has_lost_the_right_is_void(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=RULES)) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        name = await proposed(office)
    crew = {**RULES, "roles": {"leads": {"users": [BEN]}, "crew": {"users": [BEN]}}}
    async with opened(tmp_path, Setup(access=crew)) as office:
        await office.says("ben", "#ops", f"/im approve {name}")
        await office.heard("It can't be approved any more.", "Propose it anew.", to_all=False)
        await office.says("ben", "#ops", f"/im approve {name}")
        await office.heard("it is void", to_all=False)
        assert await office.texts("News") == []


async def test_the_card_warns_of_the_same_text_and_of_what_went_out_near(ruled: Office) -> None:
    first = await proposed(ruled)
    await ruled.says("ben", "#ops", f"/im approve {first}")
    await ruled.heard("Sent")
    await ruled.says("mia", "#ops", "/im broadcast News 周六有晚会！")
    await ruled.heard("Proposed", "The same text, at", "sent", first, "Near that time")


PHISHING = [
    "`approve` ```\nApproved\n```",
    "<!channel> *Approved* <https://evil.test|ok>",
    "ok\u202eevorppa\u2066",
    "| a | b |\n|---|---|",
    "&lt;!here&gt; :rotating_light: ~no~",
]


@pytest.mark.parametrize("text", PHISHING)
async def test_nothing_in_a_text_breaks_out_of_its_card(ruled: Office, text: str) -> None:
    await ruled.says("mia", "#ops", f"/im broadcast News {text}")
    card = await ruled.heard("Proposed")
    for block, element in card.elements:
        assert element.get("type") not in ("mrkdwn", "markdown"), block
        assert not {"\u202e", "\u2066"} & set(str(element))


# -- Confirmation ------------------------------------------------------------------------------------------------------


async def test_without_access_the_author_alone_confirms(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=None)) as office:
        await office.says("mia", "#ops", "/im conv create News --system")
        made = await office.heard("Proposed: conv create", "Confirm", to_all=False)
        await office.presses("mia", made, "Confirm")
        await office.heard("Created")
        await office.says("mia", "#ops", "/im broadcast News hi")
        card = await office.heard("Proposed: “hi”")
        await office.presses("ben", card, "Confirm")
        await office.heard(f"Only {MIA} can confirm it.", to_all=False)
        assert await office.texts("News") == []
        await office.presses("mia", card, "Confirm")
        await office.heard("Sent: “hi”")
        assert await office.texts("News") == ["hi"]


async def test_what_shows_messages_is_confirmed_too(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=None)) as office:
        await office.says("mia", "#ops", "/im history --all")
        card = await office.heard("wants history confirmed by its author", to_all=False)
        await office.presses("mia", card, "Confirm")
        await office.heard("no messages")


# -- The safety window -------------------------------------------------------------------------------------------------


async def test_an_approved_broadcast_counts_down_and_anyone_stops_it(counting: Office) -> None:
    name = await proposed(counting)
    approving = asyncio.create_task(counting.says("ben", "#ops", f"/im approve {name}"))
    since = counting.workspace.position
    coming = await counting.workspace.heard(
        lambda message: "It goes out in" in message.shown, OPS, since=since
    )
    assert "Planned: “周六有晚会！”" in coming.shown
    await approving
    await counting.presses("mia", coming, "Stop")
    await counting.heard("Stopped 1 call")
    await counting.workspace.heard(
        lambda message: "Canceled: “周六有晚会！”" in message.shown, OPS, since=since
    )
    assert await counting.texts("News") == []


# -- Freeze ------------------------------------------------------------------------------------------------------------


async def test_anyone_freezes_everything_and_it_takes_two_to_go_on(ruled: Office) -> None:
    name = await proposed(ruled)
    await ruled.says("mia", "#ops", "/im freeze")
    await ruled.heard("Frozen: nothing goes out any more")
    await ruled.says("ben", "#ops", f"/im approve {name}")
    await ruled.heard(f"Everything is frozen, by {MIA}", to_all=False)
    await ruled.says("mia", "#ops", "/im broadcast News hi")
    await ruled.heard("Everything is frozen", "unfreeze", to_all=False)
    await ruled.says("ben", "#ops", "/im conv list")
    await ruled.heard("News", f"Frozen by {MIA}")

    await ruled.says("mia", "#ops", "/im unfreeze")
    card = await ruled.heard("Proposed: unfreeze", "second member")
    await ruled.presses("mia", card, "Approve")
    await ruled.heard("it is your own", to_all=False)
    await ruled.presses("ben", card, "Approve")
    await ruled.heard("Not frozen any more")
    await ruled.says("ben", "#ops", f"/im approve {name}")
    await ruled.heard("Sent: “周六有晚会！”")


async def test_freezing_stops_what_counts_down(counting: Office) -> None:
    name = await proposed(counting)
    since = counting.workspace.position
    approving = asyncio.create_task(counting.says("ben", "#ops", f"/im approve {name}"))
    await counting.workspace.heard(lambda message: "It goes out in" in message.shown, OPS, since=since)
    await approving
    await counting.says("mia", "#ops", "/im freeze")
    await counting.heard("1 call that was planned will not be made")
    await counting.workspace.heard(
        lambda message: "Canceled" in message.shown and "frozen before it went out" in message.shown,
        OPS,
        since=since,
    )
    assert await counting.texts("News") == []


# -- Before and after --------------------------------------------------------------------------------------------------


async def test_the_author_gets_it_first_and_nobody_else(tmp_path: Path) -> None:
    setup = Setup(access=RULES, defaults=Defaults(sender="boss", people={MIA: "mia-phone"}))
    async with opened(tmp_path, setup) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        await office.says("mia", "#ops", "/im broadcast News 周六有晚会！")
        card = await office.heard("Proposed", "Send to me first")
        await office.presses("mia", card, "Send to me first")
        await office.heard("Sent: “周六有晚会！”", "1 user of News", to_all=False)
        assert await office.inbox("mia-phone", "News") == ["周六有晚会！"]
        assert await office.inbox("tom", "News") == []
        await office.presses("ben", card, "Send to me first")
        await office.heard("Nobody knows which user of the app you are.", "people", to_all=False)
        await office.presses("ben", card, "Approve")
        await office.heard("Sent: “周六有晚会！”", "everyone, as News")


async def test_what_went_out_is_followed_by_what_can_still_be_done(ruled: Office) -> None:
    name = await proposed(ruled)
    await ruled.says("ben", "#ops", f"/im approve {name}")
    sent = await ruled.heard("Sent", "Recall / correct")
    await ruled.presses("mia", sent, "Recall / correct")
    told = await ruled.heard(
        "What can be done about “周六有晚会！”",
        "the service can't recall a broadcast",
        "1 call of",
        to_all=False,
    )
    lines = {element["text"]["text"]: element["value"] for _, element in told.elements}
    msg_id = (await ruled.rows("News"))[0]["msg-id"]
    assert lines["Spare the others"] == f"broadcasts delete {await ruled.id_of('News')} {msg_id}"
    assert lines["Write a correction"] == f"broadcast {await ruled.id_of('News')} 周六有晚会！ --from boss"
    await ruled.presses("mia", told, "Write a correction")
    (form,) = ruled.workspace.stack(MIA)
    assert "周六有晚会！" in str(form.body)
