"""Dialogues about announcements for those whom an uploaded file names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.playground.model import Channel
from bridge.slack.files import MOST_BYTES
from tests.scenarios.office import OPS, PEOPLE, Office, Setup, opened
from tests.unit.playground.stage import SCOPES, grant

MIA, BEN, GUS = PEOPLE.values()
ELSEWHERE, BACKROOM = "C0ELSE0001", "C0BACK0001"
CSV = "﻿name,client_id\nTom,tom\nJerry,jerry\n\nTom,tom\n".encode()
APPROVED: Mapping[str, object] = {
    "roles": {"leads": {"users": [BEN]}, "crew": {"users": [MIA, BEN]}},
    "rules": [
        {"name": "reading", "run": ["reads", "conv"]},
        {
            "name": "telling",
            "who": "crew",
            "run": "notify",
            "approve": {"role": "leads", "within": "1h"},
        },
    ],
}
FEW: Mapping[str, object] = {
    "rules": [
        {"name": "reading", "run": ["reads", "conv"]},
        {"name": "a-few", "run": "notify", "clients": 20},
    ]
}


@pytest.fixture
async def news(office: Office) -> Office:
    """An office with a system conversation."""
    await office.says("mia", "#ops", "/im conv create News --system")
    return office


async def notified(office: Office, link: str, person: str = "mia") -> None:
    """Somebody has those notified whom the file behind a link names."""
    await office.says(person, "#ops", f"/im notify News hi --to-file {link}", links=True)


def calls(office: Office, path: str) -> list[Any]:
    """What the bot has asked of an address of Slack's."""
    return [each for each in office.workspace.exchanges if path in each.target]


@pytest.mark.parametrize("address", ["permalink", "url_private", "url_private_download"])
async def test_those_whom_an_uploaded_file_names_are_notified(news: Office, address: str) -> None:
    link = news.workspace.upload(MIA, OPS, "vips (1).csv", CSV)[address]
    await notified(news, link)
    await news.heard("Sent: “hi”", "To: 2 users of News", "Users: tom, jerry", "There twice: 1")
    assert await news.inbox("jerry", "News") == ["hi"]
    assert await news.inbox("spike", "News") == []


async def test_whoever_is_where_it_was_shared_may_use_it(news: Office) -> None:
    await notified(news, news.workspace.upload(MIA, OPS, "vips.csv", CSV)["permalink"], "ben")
    await news.heard("Sent: “hi”", "To: 2 users of News")


async def test_what_is_no_client_id_is_shown_by_its_line_before_anything_is_sent(news: Office) -> None:
    broken = "\n".join(["tom", *["x" * 65] * 7]).encode()
    link = news.workspace.upload(MIA, OPS, "vips.csv", broken)["permalink"]
    async with news.unchanged():
        await notified(news, link)
        heard = await news.heard("vips.csv holds 7 entries that are no client ids", "2: 'x", to_all=False)
    assert "6: 'x" in heard.shown
    assert "7: 'x" not in heard.shown


@pytest.mark.parametrize(
    ("name", "content", "mimetype", "words"),
    [
        (
            "vips.xlsx",
            b"PK\x03\x04",
            "application/vnd.openxmlformats",
            ["vips.xlsx is no text.", "CSV in UTF-8"],
        ),
        ("vips.csv", "汤姆\n".encode("gbk"), "text/csv", ["vips.csv is no UTF-8 text.", "CSV in UTF-8"]),
        ("vips.csv", b"client_id\n", "text/csv", ["vips.csv names nobody."]),
        ("vips.csv", b'"tom\n', "text/csv", ["vips.csv is no CSV file"]),
        ("vips.csv", b"a\n" * 2_500_001, "text/csv", ["vips.csv has more than 5 MB."]),
    ],
)
async def test_a_file_that_can_not_be_used_reaches_nobody(
    news: Office, name: str, content: bytes, mimetype: str, words: list[str]
) -> None:
    link = news.workspace.upload(MIA, OPS, name, content, mimetype)["permalink"]
    async with news.unchanged():
        await notified(news, link)
        await news.heard(*words, to_all=False)


async def test_a_file_too_big_is_not_begun_and_one_that_says_less_than_it_has_is_not_read_on(
    news: Office,
) -> None:
    link = news.workspace.upload(MIA, OPS, "vips.csv", b"a\n" * (MOST_BYTES // 2 + 1))["permalink"]
    await notified(news, link)
    await news.heard("vips.csv has more than 5 MB.", to_all=False)
    assert calls(news, "/files-pri/") == []
    (file,) = news.workspace.files.values()
    file["size"] = 4
    await notified(news, link)
    await news.heard("vips.csv has more than 5 MB.", to_all=False)
    assert len(calls(news, "/files-pri/")) == 1


async def test_what_the_bot_does_not_see_or_is_gone_is_told(news: Office) -> None:
    news.workspace.add_channel(Channel(BACKROOM, "backroom", "private", frozenset({MIA})))
    hidden = news.workspace.upload(MIA, BACKROOM, "vips.csv", CSV)["permalink"]
    await notified(news, hidden)
    await news.heard("is not shared with me", "Upload it in this channel", to_all=False)
    link = news.workspace.upload(MIA, OPS, "vips.csv", CSV)
    news.workspace.files[link["id"]]["deleted"] = True
    await notified(news, link["permalink"])
    await news.heard("was deleted", to_all=False)


async def test_the_bot_lends_nobody_its_eyes(news: Office) -> None:
    """It is where Mia and Gus are not: a file from there is not for Gus to learn from its first lines."""
    members = frozenset({BEN, news.workspace.app.user_id})
    news.workspace.add_channel(Channel(BACKROOM, "backroom", "private", members))
    link = news.workspace.upload(BEN, BACKROOM, "salaries.csv", CSV)["permalink"]
    await notified(news, link, "gus")
    heard = await news.heard("neither uploaded by you nor shared here", to_all=False)
    assert "tom" not in heard.shown
    assert calls(news, "/files-pri/") == []
    await notified(news, link, "ben")
    await news.heard("Sent: “hi”", "To: 2 users of News")


async def test_without_the_scope_it_says_which(news: Office) -> None:
    grant(news.workspace, *(SCOPES - {"files:read"}))
    await notified(news, news.workspace.upload(MIA, OPS, "vips.csv", CSV)["permalink"])
    await news.heard("lacks the scope files:read", "imbridge manifest", to_all=False)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://files.slack.com.evil.test/files-pri/T0TEAM0001-F0AAAAAAAA/a.csv", "does not lead to Slack"),
        ("http://169.254.169.254/files/U0MIA00001/F0AAAAAAAA/a.csv", "does not lead to Slack"),
        ("http://127.0.0.1:1/files/U0MIA00001/F0AAAAAAAA/a.csv", "does not lead to Slack"),
        ("http://u:p@HOST/files/U0MIA00001/F0AAAAAAAA/a.csv", "does not lead to Slack"),
        ("http://HOST.evil.test/files/U0MIA00001/F0AAAAAAAA/a.csv", "does not lead to Slack"),
        ("http://[::1/files/U0MIA00001/F0AAAAAAAA/a.csv", "does not lead to Slack"),
        ("ftp://HOST/files/U0MIA00001/F0AAAAAAAA/a.csv", "does not lead to Slack"),
        ("vips.csv", "does not lead to Slack"),
        ("http://HOST/archives/C0OPS00001/p1", "is no link of a file"),
        ("http://HOST/files/U0MIA00001/F0AAAAAAAA/a.csv", "is not shared with me"),
    ],
)
async def test_only_links_to_this_slack_are_looked_at(news: Office, link: str, words: str) -> None:
    own = news.workspace.base_url.removeprefix("http://")
    async with news.unchanged():
        await notified(news, link.replace("HOST", own))
        await news.heard(words, to_all=False)
    assert len(calls(news, "files.info")) == (words == "is not shared with me")


async def test_the_token_is_shown_to_no_other_host(news: Office) -> None:
    """Slack may name a file that is kept elsewhere; whoever keeps it must not get the bot's token."""
    file = news.workspace.upload(MIA, OPS, "vips.csv", CSV)
    elsewhere = news.workspace.base_url.replace("127.0.0.1", "localhost")
    news.workspace.files[file["id"]]["kept_at"] = elsewhere
    await notified(news, file["permalink"])
    await news.heard("vips.csv is not kept by Slack itself", to_all=False)
    assert calls(news, "/files-pri/") == []


async def test_a_page_to_sign_in_is_no_file(news: Office) -> None:
    file = news.workspace.upload(MIA, OPS, "vips.csv", CSV)
    for how in ({"status": 302}, {"status": 403}, {"status": 404}):
        news.workspace.fail("files-pri", **how)
        await notified(news, file["permalink"])
        await news.heard("vips.csv is not shared with me", to_all=False)
    news.workspace.fail("files-pri", status=503)
    await notified(news, file["permalink"])
    await news.heard("Slack did not give vips.csv", to_all=False)


async def test_what_was_approved_goes_to_whom_the_card_named_whatever_the_file_says_by_then(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, Setup(access=APPROVED)) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        file = office.workspace.upload(MIA, OPS, "vips.csv", CSV)
        await notified(office, file["permalink"])
        card = await office.heard("Proposed: “hi”", "Users: tom, jerry", "There twice: 1")
        office.workspace.files[file["id"]] |= {"content": b"spike\nbutch\n", "size": 12}
        await office.presses("ben", card, "Approve")
        await office.heard("Sent: “hi”", "To: 2 users of News")
        assert await office.inbox("tom", "News") == ["hi"]
        assert await office.inbox("spike", "News") == []


async def test_a_rule_that_counts_users_counts_no_file(tmp_path: Path) -> None:
    async with opened(tmp_path, Setup(access=FEW)) as office:
        await office.says("ben", "#ops", "/im conv create News --system")
        await office.says("mia", "#ops", "/im notify News hi --to tom")
        await office.heard("Sent: “hi”")
        async with office.unchanged():
            await notified(office, office.workspace.upload(MIA, OPS, "vips.csv", CSV)["permalink"])
            await office.heard("a-few", "--to for at most 20 users", to_all=False)


async def test_a_schedule_takes_no_file_that_may_be_another_by_then(news: Office) -> None:
    link = news.workspace.upload(MIA, OPS, "vips.csv", CSV)["permalink"]
    line = f'/im schedule add "0 10 * * sat" -- notify News hi --to-file {link}'
    await news.says("mia", "#ops", line, links=True)
    await news.heard("A schedule takes no --to-file", "--to-list NAME", to_all=False)
    await news.says("mia", "#ops", "/im schedule list")
    await news.heard("There are no schedules.")
