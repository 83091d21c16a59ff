"""Conversations over REST 1.2: kinds, unique ones, columns, members, mutes, and what is refused."""

import asyncio
import json
from typing import Any

import pytest

from tests.contract.service import Service

RTM = "/1.2/rtm"
KINDS = ["conversations", "chatrooms", "service-conversations"]


async def make(service: Service, path: str = "conversations", **columns: Any) -> str:
    made = await service.ok("POST", f"{RTM}/{path}", json=columns)
    return str(made["objectId"])


async def row_of(service: Service, conv_id: str) -> dict[str, Any]:
    found = await service.ok(
        "GET", f"{RTM}/all-conversations", params={"where": f'{{"objectId":"{conv_id}"}}'}
    )
    [row] = found["results"]
    return dict(row)


@pytest.mark.parametrize(
    ("path", "flags"),
    [("conversations", {}), ("chatrooms", {"tr": True}), ("service-conversations", {"sys": True})],
)
async def test_a_conversation_is_made_with_any_columns(
    service: Service, path: str, flags: dict[str, bool]
) -> None:
    made = await service.ok(
        "POST", f"{RTM}/{path}", json={"name": "晚会", "color": "red", "attr": {"k": [1]}}
    )
    assert set(made) == {"objectId", "createdAt"}
    assert len(made["objectId"]) == 24
    int(made["objectId"], 16)
    row = await row_of(service, made["objectId"])
    assert row == {
        "objectId": made["objectId"],
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "name": "晚会",
        "color": "red",
        "attr": {"k": [1]},
        **({"m": []} if path == "conversations" else {}),
        **flags,
    }


async def test_each_kind_is_found_under_its_own_path(service: Service) -> None:
    ids = {path: await make(service, path, name=path) for path in KINDS}
    for path in KINDS:
        found = await service.ok("GET", f"{RTM}/{path}")
        assert [row["objectId"] for row in found["results"]] == [ids[path]]
    everything = await service.ok("GET", f"{RTM}/all-conversations")
    assert {row["objectId"] for row in everything["results"]} == set(ids.values())


async def test_a_query_takes_where_order_limit_and_skip(service: Service) -> None:
    for number in range(5):
        await make(service, name=f"c{number}", number=number)
    found = await service.ok(
        "GET",
        f"{RTM}/conversations",
        params={"where": '{"number":{"$gte":1}}', "order": "-number", "limit": 2, "skip": 1},
    )
    assert [row["number"] for row in found["results"]] == [3, 2]


async def test_each_look_up_finds_its_own_however_many_have_asked_in_the_same_way(service: Service) -> None:
    long = "long " * 20
    ids = {name: await make(service, name=name, m=[name[0], "tom"]) for name in ("alpha", "beta", long)}

    async def found(**where: str) -> list[str]:
        params = {"where": json.dumps(where)}
        rows = (await service.ok("GET", f"{RTM}/all-conversations", params=params))["results"]
        return [row["objectId"] for row in rows]

    for name, conv_id in ids.items():
        assert await found(name=name) == [conv_id]
        assert await found(objectId=conv_id) == [conv_id]
        assert await found(m=name[0], name=name) == await found(name=name, m=name[0]) == [conv_id]
        assert await found(m="tom", objectId=conv_id) == [conv_id]
    assert await found(name="gamma") == await found(m="alpha", name="a") == []
    assert sorted(await found(m="tom")) == sorted(ids.values())


async def test_a_unique_conversation_of_the_same_members_is_the_same_one(service: Service) -> None:
    first = await service.ok(
        "POST", f"{RTM}/conversations", json={"name": "two", "m": ["BillGates", "SteveJobs"], "unique": True}
    )
    assert first["uniqueId"] == "6c7b0e5afcae9aa1139a0afa25833dec"
    assert set(first) == {"unique", "uniqueId", "name", "m", "objectId", "createdAt", "updatedAt"}
    again = await service.ok(
        "POST", f"{RTM}/conversations", json={"m": ["SteveJobs", "BillGates"], "unique": True}
    )
    assert again == first


async def test_unique_conversations_of_other_members_are_others_even_when_their_labels_agree(
    service: Service,
) -> None:
    one = await service.ok("POST", f"{RTM}/conversations", json={"m": ["ab", "c"], "unique": True})
    other = await service.ok("POST", f"{RTM}/conversations", json={"m": ["a", "bc"], "unique": True})
    assert one["uniqueId"] == other["uniqueId"]
    assert one["objectId"] != other["objectId"]
    await service.ok("POST", f"{RTM}/conversations/{one['objectId']}/members", json={"client_ids": ["d"]})
    new = await service.ok("POST", f"{RTM}/conversations", json={"m": ["ab", "c"], "unique": True})
    assert new["objectId"] != one["objectId"]


async def test_many_who_ask_for_a_unique_conversation_at_once_get_one(service: Service) -> None:
    async def ask(members: list[str]) -> str:
        return str(
            (await service.ok("POST", f"{RTM}/conversations", json={"m": members, "unique": True}))[
                "objectId"
            ]
        )

    for number in range(6):  # the first rounds open the connections that the later ones race on
        members = ["x", f"y{number}"]
        assert len(set(await asyncio.gather(*(ask(members) for _ in range(8))))) == 1


async def test_columns_are_changed_and_removed_but_never_the_members(service: Service) -> None:
    conv_id = await make(service, m=["a"], name="old", attr={"k": 1, "l": 2}, gone=1)
    service.clock.advance(1000)
    changed = await service.ok(
        "PUT",
        f"{RTM}/conversations/{conv_id}",
        json={
            "name": "new",
            "attr.k": 5,
            "gone": {"__op": "Delete"},
            "n": {"__op": "Increment", "amount": 2},
        },
    )
    assert set(changed) == {"updatedAt", "objectId"}
    row = await row_of(service, conv_id)
    assert row["name"] == "new"
    assert row["attr"] == {"k": 5, "l": 2}
    assert row["n"] == 2
    assert "gone" not in row
    assert row["updatedAt"] == changed["updatedAt"] > row["createdAt"]
    assert await service.refused("PUT", f"{RTM}/conversations/{conv_id}", json={"m": ["b"]}) == 1
    assert await service.refused("PUT", f"{RTM}/conversations/{conv_id}", json={"sys": True}) == 1
    assert (await row_of(service, conv_id))["m"] == ["a"]


async def test_members_and_mutes_come_and_go(service: Service) -> None:
    conv_id = await make(service, m=["a"])
    for path, column in (("members", "m"), ("mutes", "mu")):
        url = f"{RTM}/conversations/{conv_id}/{path}"
        before = (await service.ok("GET", url))["result"]
        changed = await service.ok("POST", url, json={"client_ids": ["b", "c", "b"]})
        assert set(changed) == {"updatedAt", "objectId"}
        await service.ok("POST", url, json={"client_ids": ["c"]})
        assert (await service.ok("GET", url))["result"] == [*before, "b", "c"]
        await service.ok("DELETE", url, json={"client_ids": ["b", "nobody"]})
        assert (await service.ok("GET", url))["result"] == [*before, "c"]
        assert (await row_of(service, conv_id))[column] == [*before, "c"]


async def test_the_conversations_of_a_client_follow_its_membership(service: Service) -> None:
    mine = await make(service, m=["me", "you"])
    other = await make(service, m=["you"])

    async def of(client: str) -> set[str]:
        found = await service.ok("GET", f"{RTM}/conversations", params={"where": f'{{"m":"{client}"}}'})
        return {row["objectId"] for row in found["results"]}

    assert await of("me") == {mine}
    await service.ok("POST", f"{RTM}/conversations/{other}/members", json={"client_ids": ["me"]})
    assert await of("me") == {mine, other}
    await service.ok("DELETE", f"{RTM}/conversations/{mine}/members", json={"client_ids": ["me"]})
    assert await of("me") == {other}
    await service.ok("DELETE", f"{RTM}/conversations/{other}")
    assert await of("me") == set()


async def test_five_hundred_members_fit_and_one_more_is_4304(service: Service) -> None:
    crowd = [f"client{number}" for number in range(500)]
    conv_id = await make(service, m=crowd)
    url = f"{RTM}/conversations/{conv_id}/members"
    await service.ok("POST", url, json={"client_ids": crowd[:2]})
    assert await service.refused("POST", url, json={"client_ids": ["late"]}) == 4304
    assert (await service.ok("GET", url))["result"] == crowd
    assert await service.refused("POST", f"{RTM}/conversations", json={"m": [*crowd, "late"]}) == 4304


async def test_an_unknown_conversation_is_4303(service: Service) -> None:
    for path in KINDS:
        for url in (f"{RTM}/{path}/{'0' * 24}", f"{RTM}/{path}/%20'%22"):
            assert await service.refused("PUT", url, json={"name": "x"}) == 4303
            assert await service.refused("DELETE", url) == 4303
    assert await service.refused("GET", f"{RTM}/conversations/{'0' * 24}/members") == 4303


async def test_the_wrong_kind_has_a_code_of_its_own(service: Service) -> None:
    codes = {"conversations": 4314, "chatrooms": 4316, "service-conversations": 4313}
    for mine in KINDS:
        conv_id = await make(service, mine)
        for other in set(KINDS) - {mine}:
            assert (
                await service.refused("PUT", f"{RTM}/{other}/{conv_id}", json={"name": "x"}) == codes[other]
            )
            assert await service.refused("DELETE", f"{RTM}/{other}/{conv_id}") == codes[other]
        if mine != "conversations":
            url = f"{RTM}/conversations/{conv_id}/members"
            assert await service.refused("POST", url, json={"client_ids": ["a"]}) == 4314


async def test_a_deleted_conversation_is_gone(service: Service) -> None:
    conv_id = await make(service)
    assert await service.ok("DELETE", f"{RTM}/conversations/{conv_id}") == {}
    assert (await service.ok("GET", f"{RTM}/all-conversations"))["results"] == []
    assert await service.refused("DELETE", f"{RTM}/conversations/{conv_id}") == 4303


async def test_the_app_key_may_do_nothing_with_conversations(service: Service) -> None:
    conv_id = await make(service)
    for method, path in [
        ("POST", "conversations"),
        ("GET", "conversations"),
        ("GET", "all-conversations"),
        ("PUT", f"conversations/{conv_id}"),
        ("DELETE", f"conversations/{conv_id}"),
        ("GET", f"conversations/{conv_id}/members"),
        ("POST", f"conversations/{conv_id}/members"),
    ]:
        response = await service.call(method, f"{RTM}/{path}", key="app", json={"client_ids": ["a"]})
        assert (response.status_code, response.json()["code"]) == (403, 403)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"m": "a"}, 1),
        ({"m": [1]}, 1),
        ({"m": [""]}, 4103),
        ({"m": ["x" * 65]}, 4103),
        ({"name": 1}, 111),
        ({"attr": []}, 111),
        ({"unique": "yes"}, 111),
        ({"sys": True}, 1),
        ({"a.b": 1, "a": 1, "a.b.c": 2}, 111),
        ({"0x": 1}, 105),
        ({"a b": 1}, 105),
        ({"ok": {"$bad": 1}}, 121),
        ({"ok": {"__type": "Pointer"}}, 106),
        ({"ok": {"__type": "Date", "iso": "yesterday"}}, 111),
        ({"ok": {"__op": "Nonsense"}}, 1),
        ({"objectId": "5" * 24}, 117),
        ({"ACL": {"*": "all"}}, 123),
        ({"name": "a\u0000b"}, 107),
    ],
)
async def test_a_bad_column_makes_no_conversation(service: Service, body: dict[str, Any], code: int) -> None:
    assert await service.refused("POST", f"{RTM}/conversations", json=body) == code
    assert (await service.ok("GET", f"{RTM}/all-conversations"))["results"] == []


@pytest.mark.parametrize(
    "content", ["", "null", "{}", "[]", "1", "{", '"x"', '{"client_ids":[]}', '{"client_ids":"a"', "\ud83d"]
)
async def test_a_body_that_names_no_clients_is_refused(service: Service, content: str) -> None:
    conv_id = await make(service, m=["a"])
    code = await service.refused(
        "DELETE", f"{RTM}/conversations/{conv_id}/members", content=content.encode("utf-8", "surrogatepass")
    )
    assert code in (1, 107)
    assert (await row_of(service, conv_id))["m"] == ["a"]


async def test_a_body_larger_than_any_request_is_413(service: Service) -> None:
    response = await service.call(
        "POST", f"{RTM}/conversations", content=b'{"name":"' + b"x" * (20 * 1024 * 1024) + b'"}'
    )
    assert (response.status_code, response.json()["code"]) == (413, 413)
