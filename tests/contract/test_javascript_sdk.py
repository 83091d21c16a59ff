"""LeanCloud's own JavaScript SDK (leancloud-realtime 4.3.1), unchanged, against this server over real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.javascript_sdk import Clients, Failed, clients, install
from tests.contract.messaging import RTM, make
from tests.contract.service import Service


@pytest.fixture(scope="session")
def node() -> Path:
    return install()


@pytest.fixture
async def sdk(node: Path, socket_service: Service) -> AsyncIterator[Clients]:
    async with clients(node, socket_service.base_url) as sdk:
        yield sdk


async def both(sdk: Clients) -> None:
    await sdk.do("tom", "open")
    await sdk.do("jerry", "open")


async def test_two_clients_join_and_talk_and_hear_of_each_other(sdk: Clients) -> None:
    await both(sdk)
    made = await sdk.do("tom", "create", members=["spike"], name="kitchen", topic="cheese")
    assert made["topic"] == "cheese"
    conv = made["id"]
    assert (await sdk.hears("tom", "membersjoined"))["members"] == ["spike", "tom"]
    assert await sdk.do("jerry", "join", id=conv) == ["spike", "tom", "jerry"]
    assert await sdk.hears("tom", "membersjoined") == {"members": ["jerry"], "by": "jerry"}

    sent = await sdk.do("jerry", "send", id=conv, text="hello tom", receipt=True)
    got = await sdk.hears("tom", "message")
    assert (got["id"], got["from"], got["text"], got["conversation"]) == (
        sent["id"],
        "jerry",
        "hello tom",
        conv,
    )
    await sdk.do("tom", "send", id=conv, bytes=[0, 255, 7])
    assert (await sdk.hears("jerry", "message"))["id"]
    await sdk.do("tom", "send", id=conv, text="only now", transient=True, mentions=["jerry"])
    last = await sdk.hears("jerry", "message")
    assert (last["text"], last["mentioned"]) == ("only now", True)
    history = await sdk.do("jerry", "history", id=conv)
    assert [one.get("text") for one in history] == ["hello tom", None]
    assert sdk.heard("jerry", "message") == 0  # nobody hears what it said itself


async def test_a_system_message_and_a_broadcast_from_rest_arrive(
    sdk: Clients, socket_service: Service
) -> None:
    await both(sdk)
    news = await make(socket_service, "service")
    body = {"from_client": "news", "message": "for jerry alone", "to_clients": ["jerry"]}
    sent = await socket_service.ok("POST", f"{RTM}/service-conversations/{news}/messages", json=body)
    got = await sdk.hears("jerry", "message")
    assert (got["id"], got["content"], got["conversation"]) == (sent["msg-id"], "for jerry alone", news)
    typed = '{"_lctype":-1,"_lctext":"周六有晚会！","_lcattrs":{"delivery":"d1"}}'
    body = {"from_client": "news", "conv_id": news, "message": typed}
    await socket_service.ok("POST", f"{RTM}/broadcasts", json=body)
    for client in ("tom", "jerry"):
        got = await sdk.hears(client, "message")
        assert (got["text"], got["attributes"]) == ("周六有晚会！", {"delivery": "d1"})
    await sdk.do("spike", "open")
    assert (await sdk.hears("spike", "message"))["text"] == "周六有晚会！"
    assert sdk.heard("tom", "message") == 0


async def test_a_subscriber_gets_what_is_published(sdk: Clients, socket_service: Service) -> None:
    await both(sdk)
    news = await make(socket_service, "service")
    await sdk.do("jerry", "join", id=news)
    body = {"from_client": "news", "message": "to subscribers"}
    await socket_service.ok("POST", f"{RTM}/service-conversations/{news}/broadcasts", json=body)
    assert (await sdk.hears("jerry", "message"))["content"] == "to subscribers"
    thread = await sdk.do("jerry", "history", id=news)
    assert [one["content"] for one in thread] == ["to subscribers"]
    await sdk.do("jerry", "send", id=news, text="a question")
    rows = await socket_service.ok("GET", "/1.1/classes/_SysMessage")
    assert [(row["from"], row["conv"]["objectId"]) for row in rows["results"]] == [("jerry", news)]
    assert await sdk.do("jerry", "quit", id=news) == []


async def test_a_changed_and_a_recalled_message_are_seen(sdk: Clients, socket_service: Service) -> None:
    await both(sdk)
    conv = (await sdk.do("tom", "create", members=["jerry"]))["id"]
    sent = await sdk.do("tom", "send", id=conv, text="wrong")
    await sdk.hears("jerry", "message")
    await sdk.do("tom", "update", id=conv, text="right")
    changed = await sdk.hears("jerry", "messageupdate")
    assert (changed["id"], changed["text"]) == (sent["id"], "right")
    await sdk.do("tom", "send", id=conv, text="nonsense")
    await sdk.do("tom", "recall", id=conv)
    recalled = await sdk.hears("jerry", "messagerecall")
    assert recalled["type"] == -127
    rest = {"from_client": "tom", "message": "from rest"}
    answer = await socket_service.ok("POST", f"{RTM}/conversations/{conv}/messages", json=rest)
    path = f"{RTM}/conversations/{conv}/messages/{answer['msg-id']}/recall"
    await socket_service.ok("PUT", path, json={"from_client": "tom", "timestamp": answer["timestamp"]})
    assert (await sdk.hears("jerry", "messagerecall"))["id"] == answer["msg-id"]
    history = await sdk.do("jerry", "history", id=conv)
    assert [one["type"] for one in history] == [-1, -127, -127]
    assert history[0]["text"] == "right"


async def test_history_is_read_in_pages_in_both_directions(sdk: Clients) -> None:
    await both(sdk)
    conv = (await sdk.do("tom", "create", members=["jerry"]))["id"]
    for number in range(7):
        await sdk.do("tom", "send", id=conv, text=str(number))
    pages = await sdk.do("jerry", "pages", id=conv, limit=3)
    assert [page for page in pages if page] == [["4", "5", "6"], ["1", "2", "3"], ["0"]]
    first = await sdk.do("jerry", "history", id=conv, limit=2, forwards=True)
    assert [one["text"] for one in first] == ["0", "1"]
    texts = await sdk.do("jerry", "history", id=conv, type=-1, limit=2)
    assert [one["text"] for one in texts] == ["5", "6"]
    assert await sdk.do("jerry", "history", id=conv, type=-2) == []
    await sdk.do("spike", "open")
    with pytest.raises(Failed) as refused:
        await sdk.do("spike", "history", id=conv)
    assert refused.value.code == 4312


async def test_unread_counts_wait_for_a_client_and_end_when_it_reads(sdk: Clients) -> None:
    await sdk.do("tom", "open")
    conv = (await sdk.do("tom", "create", members=["jerry"]))["id"]
    await sdk.do("tom", "send", id=conv, text="one", mentions=["jerry"])
    await sdk.do("tom", "send", id=conv, text="two")
    await sdk.do("jerry", "open")
    assert await sdk.hears("jerry", "unreadmessagescountupdate") == [[conv, 2]]
    await sdk.do("jerry", "read", id=conv)
    await sdk.do("jerry", "close")
    delivered, read = await sdk.do("tom", "receipts", id=conv)
    assert delivered == read > 0
    assert await sdk.do("tom", "ping", ids=["tom", "jerry"]) == ["tom"]


async def test_offline_messages_are_pushed_to_the_first_version_of_the_protocol(sdk: Clients) -> None:
    await sdk.do("tom", "open", noBinary=True)
    conv = (await sdk.do("tom", "create", members=["jerry"]))["id"]
    for text in ("one", "two"):
        await sdk.do("tom", "send", id=conv, text=text)
    await sdk.do("jerry", "open", pushOfflineMessages=True)
    assert [(await sdk.hears("jerry", "message"))["text"] for _ in range(2)] == ["one", "two"]


async def test_members_are_invited_removed_silenced_and_blocked(sdk: Clients) -> None:
    await both(sdk)
    conv = (await sdk.do("tom", "create", members=["spike"]))["id"]
    added = await sdk.do("tom", "add", id=conv, members=["jerry"])
    assert added == {"successfulClientIds": ["jerry"], "failures": []}
    assert await sdk.hears("jerry", "invited") == {"by": "tom", "conversation": conv}
    assert await sdk.do("tom", "rename", id=conv, name="cellar") == "cellar"
    changed = await sdk.hears("jerry", "conversationinfoupdated")
    assert changed == {"attributes": {"name": "cellar", "attr.colour": "red"}, "by": "tom"}
    await sdk.do("tom", "silence", id=conv, members=["jerry"])
    assert await sdk.hears("jerry", "muted") == {"by": "tom"}
    assert (await sdk.do("tom", "silenced", id=conv))["results"] == ["jerry"]
    with pytest.raises(Failed) as refused:
        await sdk.do("jerry", "send", id=conv, text="mmpf")
    assert refused.value.code == 4563
    with pytest.raises(Failed) as refused:
        await sdk.do("jerry", "silence", id=conv, members=["tom"])
    assert refused.value.code == 4320
    await sdk.do("tom", "block", id=conv, members=["jerry"])
    assert await sdk.hears("jerry", "blocked") == {"by": "tom"}
    assert (await sdk.hears("tom", "membersleft"))["members"] == ["jerry"]
    with pytest.raises(Failed) as refused:
        await sdk.do("jerry", "join", id=conv)
    assert refused.value.code == 4548
    await sdk.do("tom", "remove", id=conv, members=["spike"])
    assert (await sdk.do("tom", "query", equal={"name": "cellar"}))[0]["members"] == ["tom"]


async def test_chatrooms_count_and_reach_those_who_joined(sdk: Clients) -> None:
    await both(sdk)
    room = await sdk.do("tom", "room", name="party")
    await sdk.do("tom", "join", id=room)
    await sdk.do("jerry", "join", id=room)
    assert await sdk.do("tom", "count", id=room) == 2
    await sdk.do("tom", "send", id=room, text="hi all")
    assert (await sdk.hears("jerry", "message"))["text"] == "hi all"
    await sdk.do("jerry", "quit", id=room)
    assert await sdk.do("tom", "count", id=room) == 1


async def test_temporary_conversations_carry_messages(sdk: Clients) -> None:
    await both(sdk)
    made = await sdk.do("tom", "temporary", members=["jerry"], ttl=600)
    assert made["id"].startswith("_tmp:")
    assert 0 < made["lives"] <= 600_000
    await sdk.do("tom", "send", id=made["id"], text="psst")
    assert (await sdk.hears("jerry", "message"))["text"] == "psst"


async def test_members_that_the_app_adds_and_removes_over_rest_are_heard_of(
    sdk: Clients, socket_service: Service
) -> None:
    await both(sdk)
    conv = (await sdk.do("tom", "create", members=[]))["id"]
    await sdk.hears("tom", "membersjoined")
    path = f"{RTM}/conversations/{conv}/members"
    for method, own, others in (("POST", "invited", "membersjoined"), ("DELETE", "kicked", "membersleft")):
        await socket_service.ok(method, path, json={"client_ids": ["jerry"]})
        assert (await sdk.hears("jerry", own))["conversation"] == conv
        assert (await sdk.hears("tom", others))["members"] == ["jerry"]


async def test_a_second_login_with_the_same_tag_ends_the_first(
    sdk: Clients, node: Path, socket_service: Service
) -> None:
    await sdk.do("tom", "open", options={"tag": "mobile"})
    async with clients(node, socket_service.base_url) as other:
        await other.do("tom", "open", options={"tag": "mobile"})
        assert (await sdk.hears("tom", "conflict"))["reason"] == "SESSION_CONFLICT"


async def test_a_client_is_kicked_with_its_reason(sdk: Clients, socket_service: Service) -> None:
    await sdk.do("tom", "open")
    await socket_service.ok("POST", f"{RTM}/clients/tom/kick", json={"reason": "enough"})
    assert await sdk.hears("tom", "close") == {"code": 4115, "reason": "enough"}


async def test_clients_come_back_by_themselves_and_learn_what_they_missed(
    sdk: Clients, socket_service: Service
) -> None:
    await both(sdk)
    conv = (await sdk.do("tom", "create", members=["jerry"]))["id"]
    sent = await sdk.do("tom", "send", id=conv, text="before")
    await sdk.hears("jerry", "message")
    await sdk.do("jerry", "read", id=conv)
    socket_service.server.presence.close()  # as a restart does
    for client in ("tom", "jerry"):
        await sdk.hears(client, "disconnect")
    body = {"from_client": "tom", "message": "meanwhile"}
    await socket_service.ok("POST", f"{RTM}/conversations/{conv}/messages", json=body)
    recall = f"{RTM}/conversations/{conv}/messages/{sent['id']}/recall"
    timestamp = (await socket_service.ok("GET", f"{RTM}/conversations/{conv}/messages"))[-1]["timestamp"]
    await socket_service.ok("PUT", recall, json={"from_client": "tom", "timestamp": timestamp})
    for client in ("tom", "jerry"):
        await sdk.hears(client, "reconnect")
    assert await sdk.hears("jerry", "unreadmessagescountupdate") == [[conv, 1]]
    assert (await sdk.hears("jerry", "messagerecall"))["id"] == sent["id"]
    await sdk.do("tom", "send", id=conv, text="after")
    assert (await sdk.hears("jerry", "message"))["text"] == "after"
