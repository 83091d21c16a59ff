"""Ids in paths: whatever a client percent-encodes arrives as it was, in process and over a socket."""

from urllib.parse import quote

import pytest

from tests.contract.messaging import RTM, history, make, send, subscribe
from tests.contract.service import Service

IDS = [
    "a/b",
    "a+b",
    "a b",
    "a%2Fb",
    "100%",
    "%",
    "汤姆/🐱",
    "x/messages/y",
    "subscribers/count",
    "count/",
    "/",
    "//",
    "..",
    "../..",
    "a?b#c;d=e&f",
    "line\nbreak",
    "\u202e\u0001\u007f",
    "check-online/kick",
    "é",
    "e\u0301",
]


def encoded(text: str) -> str:
    return quote(text, safe="").replace(".", "%2E")


@pytest.mark.parametrize("client", IDS)
async def test_a_client_id_of_any_characters_is_itself_in_a_path(service: Service, client: str) -> None:
    conv_id = await make(service, "service")
    await subscribe(service, conv_id, client, "another")
    path = f"{RTM}/service-conversations/{conv_id}"
    sent = await send(service, conv_id, "hello", "service", to_clients=[client])
    thread = f"{path}/subscribers/{encoded(client)}/messages"
    assert [row["msg-id"] for row in await service.ok("GET", thread)] == [sent["msg-id"]]
    me = f"{RTM}/clients/{encoded(client)}"
    found = await service.ok("GET", f"{me}/service-conversations")
    assert [row["subscriber"] for row in found] == [client]
    assert await service.ok("GET", f"{me}/unread-count", key="app") == {"count": 1}
    assert await service.ok("POST", f"{me}/kick", json={}) == {}
    assert await service.ok("POST", f"{me}/blacklists", json={"conv_id": conv_id}) == {}
    assert await service.ok("GET", f"{me}/blacklists") == {"conv_ids": [conv_id]}
    assert await service.ok("GET", f"/1.1/rtm/messages/unread/{encoded(client)}/{conv_id}") == {"count": 1}
    key = {"from_client": "tom", "timestamp": sent["timestamp"]}
    assert await service.ok("DELETE", f"{thread}/{encoded(sent['msg-id'])}", params=key) == {}
    assert await service.ok("DELETE", f"{path}/subscribers/{encoded(client)}") == {}
    left = await service.ok("GET", f"{path}/subscribers")
    assert [row["subscriber"] for row in left] == ["another"]


@pytest.mark.parametrize("object_id", ["a/b", "汤姆", "a\nb", "%2F", "../_User"])
async def test_an_object_id_that_none_can_have_is_no_objects(service: Service, object_id: str) -> None:
    path = f"/1.1/classes/_Conversation/{encoded(object_id)}"
    assert await service.ok("GET", path) == {}
    assert await service.refused("PUT", path, json={"name": "y"}) == 101
    assert await service.refused("PUT", f"{RTM}/conversations/{encoded(object_id)}", json={}) == 4303


@pytest.mark.parametrize("client", ["%00", "a%00b", "%2F%00", "a%2F%00%2Fb"])
@pytest.mark.parametrize("path", ["clients/{}/unread-count", "clients/{}/messages", "clients/{}/blacklists"])
async def test_an_id_with_a_nul_is_nowhere(service: Service, path: str, client: str) -> None:
    assert await service.refused("GET", f"{RTM}/{path.format(client)}") == 404


async def test_bytes_that_are_no_text_are_an_id_of_nobody(service: Service) -> None:
    assert await service.ok("GET", f"{RTM}/clients/%FF%C0%AF/messages") == []
    assert await service.refused("GET", f"{RTM}/conversations/%FF%2F%ED%A0%80/messages") == 4303


async def test_a_message_id_with_a_slash_is_understood_encoded_and_as_it_is(service: Service) -> None:
    conv_id = await make(service)
    sent = await send(service, conv_id)
    for mid in ("ab/cd", "ab%2Fcd", "/recall", "%2Frecall"):
        path = f"{RTM}/conversations/{conv_id}/messages/{mid}/recall"
        key = {"from_client": "tom", "timestamp": sent["timestamp"]}
        assert await service.refused("PUT", path, json=key) == 4404
    assert len(await history(service, conv_id)) == 1
