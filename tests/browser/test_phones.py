"""The phones behind the page, on the real messaging server: what comes, what changes, what is missed and made good."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.playground import seed
from bridge.playground.phones import Phones, alert_of
from bridge.realtime.client import RealtimeClient
from bridge.realtime.content import Text
from bridge.realtime.messages import Push, SendOptions
from bridge.realtime.models import Kind, MessageKey, NewConversation, Ref
from bridge.server.presence import Clients, Notice, Presence
from tests.browser.stage import messaging, phones_of

Json = dict[str, Any]


class Set:
    """Phones that are on, and the conversations of the demo."""

    def __init__(
        self, phones: Phones, realtime: RealtimeClient, presence: Presence, aliases: dict[str, str]
    ) -> None:
        self.phones = phones
        self.realtime = realtime
        self.presence = presence
        self.aliases = aliases

    def talk(self, client: str, alias: str) -> Json:
        phone = next(each for each in self.phones.json if each["client"] == client)
        wanted = self.aliases.get(alias, alias)
        return next(each for each in phone["conversations"] if each["id"] == wanted)

    def last(self, client: str, alias: str) -> Json:
        content: Json = self.talk(client, alias)["messages"][-1]["content"]
        return content

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a change after which something holds."""
        with self.phones.following() as changes:
            async with asyncio.timeout(5):
                while not holds():
                    await changes.get()


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Set]:
    async with messaging(tmp_path) as (server, realtime):
        aliases = await seed.seed(realtime)
        phones = phones_of(server, realtime)
        await phones.start()
        yield Set(phones, realtime, server.presence, aliases)
        await phones.aclose()


async def test_a_phone_begins_with_its_own_conversations_all_read(on: Set) -> None:
    named = {
        phone["client"]: {talk["name"].split()[0] for talk in phone["conversations"]}
        for phone in on.phones.json
    }
    shared = {"月光钓鱼队", "码头闲聊", "港湾日报"}
    assert named == {"xiaoyu": shared | {"港湾客服"}, "tom": shared, "mary": shared}
    assert on.talk("tom", "news")["unread"] == 0
    assert [each["content"]["kind"] for each in on.talk("tom", "crew")["messages"]] == [
        "text",
        "text",
        "location",
        "image",
        "custom",
    ]


async def test_a_message_is_unread_until_it_is_read(on: Set) -> None:
    crew = Ref(on.aliases["crew"])
    await on.realtime.send(crew, "mary", Text("走吧"))
    await on.until(lambda: on.last("tom", "crew") == {"kind": "text", "text": "走吧"})
    assert [on.talk(client, "crew")["unread"] for client in ("tom", "mary")] == [1, 0]

    on.phones.read("tom", on.aliases["crew"])
    assert on.talk("tom", "crew")["unread"] == 0


async def test_a_recalled_and_an_edited_message_change_where_they_stand(on: Set) -> None:
    crew = Ref(on.aliases["crew"])
    wrong = await on.realtime.send(crew, "mary", Text("周五"))
    right = await on.realtime.send(crew, "mary", Text("周六"))
    await on.realtime.recall_message(crew, MessageKey(wrong.msg_id, wrong.timestamp, "mary"))
    key = MessageKey(right.msg_id, right.timestamp, "mary")
    await on.realtime.edit_message(crew, key, Text("周六 19:00"))
    await on.until(lambda: on.last("tom", "crew")["text"] == "周六 19:00")

    recalled, edited = on.talk("tom", "crew")["messages"][-2:]
    assert recalled["content"] == {"kind": "recalled", "text": ""}
    assert edited["edited"] is True
    assert on.talk("tom", "crew")["unread"] == 2


async def test_a_conversation_that_a_phone_has_never_seen_appears_with_its_name(on: Set) -> None:
    made = await on.realtime.create_conversation(NewConversation("Seed swap", members=("tom", "mary")))
    await on.realtime.send(made, "mary", Text("南瓜种子换番茄种子"))
    await on.until(lambda: any(talk["id"] == made.id for talk in on.phones.json[1]["conversations"]))
    assert on.talk("tom", made.id)["name"] == "Seed swap"


async def test_a_conversation_changes_with_the_notice_and_goes_with_its_member(on: Set) -> None:
    crew = Ref(on.aliases["crew"])
    await on.realtime.update_conversation(crew, {"name": "Dawn Crew"})
    await on.presence.publish(Notice("updated", crew.id, ""), Clients(("tom", "mary")))
    await on.until(lambda: on.talk("tom", "crew")["name"] == "Dawn Crew")
    assert on.talk("tom", "crew")["messages"]

    await on.realtime.remove_members(crew, ["tom"])
    await on.presence.publish(Notice("left", crew.id, "", ("tom",)), Clients(("tom",)))
    await on.until(lambda: len(on.phones.json[1]["conversations"]) == 2)
    assert on.talk("mary", "crew")["name"] == "Dawn Crew"


async def test_what_was_missed_offline_is_there_and_unread_afterwards(on: Set) -> None:
    await on.phones.switch("tom", online=False)
    news = Ref(on.aliases["news"], Kind.SYSTEM)
    await on.realtime.send_to_clients(news, seed.NEWS_SENDER, Text("给你的"), ["tom"])
    await on.realtime.publish(news, seed.NEWS_SENDER, Text("给订阅者"))
    await on.realtime.broadcast(news, seed.NEWS_SENDER, Text("给大家"))
    assert on.talk("tom", "news")["unread"] == 0

    await on.phones.switch("tom", online=True)

    await on.until(lambda: on.talk("tom", "news")["unread"] == 3)
    texts = [each["content"]["text"] for each in on.talk("tom", "news")["messages"][-3:]]
    assert texts == ["给你的", "给订阅者", "给大家"]
    assert [talk["unread"] for talk in on.phones.json[2]["conversations"]].count(0) == 2


async def test_a_push_is_for_those_offline_whom_it_names(on: Set) -> None:
    for client in ("tom", "xiaoyu"):
        await on.phones.switch(client, online=False)
    options = SendOptions(push=Push({"alert": {"title": "港湾客服", "body": "退款到了"}}))
    news = Ref(on.aliases["news"], Kind.SYSTEM)
    await on.realtime.send_to_clients(news, seed.NEWS_SENDER, Text("退款"), ["tom", "mary"], options)
    await on.until(lambda: bool(on.phones.json[1]["pushes"]))

    assert [len(phone["pushes"]) for phone in on.phones.json] == [0, 1, 0]
    assert on.phones.json[1]["pushes"][0] | {"id": "", "at": 0} == {
        "id": "",
        "at": 0,
        "from": "港湾日报 Harbor News",
        "title": "港湾客服",
        "alert": "退款到了",
    }
    await on.phones.switch("tom", online=True)
    assert on.phones.json[1]["pushes"] == []


async def test_a_kicked_phone_says_why_and_can_come_back(on: Set) -> None:
    await on.realtime.kick("tom", "请重新登录")
    await on.until(lambda: not on.phones.json[1]["online"])
    assert on.phones.json[1]["signed_out"] == {"code": 4115, "reason": "请重新登录"}

    await on.phones.switch("tom", online=True)
    assert on.phones.json[1]["online"]
    assert on.phones.json[1]["signed_out"] is None


async def test_who_is_switched_twice_at_once_has_one_connection(on: Set) -> None:
    await on.phones.switch("tom", online=False)
    await asyncio.gather(on.phones.switch("tom", online=True), on.phones.switch("tom", online=True))
    await on.realtime.send(Ref(on.aliases["crew"]), "mary", Text("once"))
    await on.until(lambda: on.last("tom", "crew")["text"] == "once")
    await on.phones.switch("tom", online=False)
    assert await on.realtime.online(["tom", "mary"]) == ("mary",)


async def test_a_reader_who_falls_behind_is_told_of_the_gap(on: Set) -> None:
    with on.phones.following(limit=2) as changes:
        for _ in range(3):
            await on.phones.switch("tom", online=False)
            await on.phones.switch("tom", online=True)
        told = [changes.get_nowait()["event"] for _ in range(changes.qsize())]
    assert "gap" in told


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"alert": "hi"}', {"title": "", "alert": "hi"}),
        ('{"ios": {"alert": "hi", "title": "T"}}', {"title": "T", "alert": "hi"}),
        ('{"android": {"alert": {"body": "hi", "title": 3}}}', {"title": "", "alert": "hi"}),
        ('{"badge": 1}', {"title": "", "alert": ""}),
        ("no json", {"title": "", "alert": "no json"}),
        ("[1]", {"title": "", "alert": "[1]"}),
    ],
)
def test_a_push_shows_its_alert_wherever_it_stands(data: str, words: Json) -> None:
    assert alert_of(data) == words
