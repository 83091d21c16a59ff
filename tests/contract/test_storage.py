"""Storage classes over REST 1.1: objects, operators, conditions, permissions, batches, scans, users."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import text

from bridge.server.engine import Engine
from bridge.server.errors import ServiceError
from tests.contract.service import Service

CLASS = "/1.1/classes/Thing"
CONVERSATIONS = "/1.1/classes/_Conversation"


async def make(service: Service, path: str = CLASS, **columns: Any) -> str:
    return str((await service.ok("POST", path, json=columns))["objectId"])


async def test_an_object_is_created_with_201_and_its_location(service: Service) -> None:
    response = await service.call("POST", CLASS, json={"a": 1}, params={"fetchWhenSave": "false"})
    made = response.json()
    assert response.status_code == 201
    assert set(made) == {"objectId", "createdAt"}
    assert response.headers["location"] == f"{service.base_url}{CLASS}/{made['objectId']}"
    assert await service.ok("GET", f"{CLASS}/{made['objectId']}") == {
        "a": 1,
        "objectId": made["objectId"],
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
    }


async def test_whoever_asks_gets_the_whole_object_back(service: Service) -> None:
    asked = {"fetchWhenSave": "true"}
    made = await service.ok("POST", CLASS, json={"a": 1, "b": {"__op": "Add", "objects": [1]}}, params=asked)
    assert (made["a"], made["b"]) == (1, [1])
    changed = await service.ok(
        "PUT", f"{CLASS}/{made['objectId']}", json={"a": {"__op": "Increment", "amount": 2}}, params=asked
    )
    assert changed == {"objectId": made["objectId"], "updatedAt": changed["updatedAt"], "a": 3}


async def test_an_object_that_is_not_there_is_empty_to_read_and_101_to_change(service: Service) -> None:
    await make(service)
    missing = f"{CLASS}/{'0' * 24}"
    assert await service.ok("GET", missing) == {}
    assert await service.refused("PUT", missing, json={"a": 1}) == 101
    assert await service.refused("DELETE", missing) == 101


async def test_a_class_exists_from_its_first_object_on(service: Service) -> None:
    response = await service.call("GET", CLASS)
    assert (response.status_code, response.json()["code"]) == (404, 101)
    thing = await make(service)
    await service.ok("DELETE", f"{CLASS}/{thing}")
    assert await service.ok("GET", CLASS) == {"results": []}
    assert await service.ok("GET", "/1.1/classes/_SysMessage") == {"results": []}
    assert await service.refused("POST", "/1.1/classes/no-name", json={}) == 103


async def test_operators_work_on_create_and_on_update(service: Service) -> None:
    thing = await make(
        service,
        n={"__op": "Increment", "amount": 3},
        tags={"__op": "AddUnique", "objects": ["a", "a", "b"]},
        gone={"__op": "Delete"},
        bits={"__op": "BitOr", "value": 5},
    )
    row = await service.ok("GET", f"{CLASS}/{thing}")
    assert (row["n"], row["tags"], row["bits"]) == (3, ["a", "b"], 5)
    assert "gone" not in row
    await service.ok(
        "PUT",
        f"{CLASS}/{thing}",
        json={
            "n": {"__op": "Decrement", "amount": 1.5},
            "tags": {
                "__op": "Batch",
                "ops": [{"__op": "Remove", "objects": ["a"]}, {"__op": "Add", "objects": ["c"]}],
            },
            "bits": {"__op": "BitAnd", "value": 4},
            "deep.er.still": True,
        },
    )
    row = await service.ok("GET", f"{CLASS}/{thing}")
    assert (row["n"], row["tags"], row["bits"]) == (1.5, ["b", "c"], 4)
    assert row["deep"] == {"er": {"still": True}}


async def test_an_operator_on_a_value_of_another_type_is_111_and_changes_nothing(service: Service) -> None:
    thing = await make(service, text="x", n=1)
    url = f"{CLASS}/{thing}"
    for change in (
        {"n": 2, "text": {"__op": "Increment", "amount": 1}},
        {"n": 2, "text": {"__op": "Add", "objects": [1]}},
        {"n": 2, "text.k": 1},
        {"n": {"__op": "AddRelation", "objects": []}},
    ):
        assert await service.refused("PUT", url, json=change) == 111
    assert (await service.ok("GET", url))["n"] == 1


async def test_concurrent_increments_all_count(service: Service) -> None:
    url = f"{CLASS}/{await make(service, n=0)}"
    change = {"n": {"__op": "Increment", "amount": 1}}
    await asyncio.gather(*(service.ok("PUT", url, json=change) for _ in range(20)))
    assert (await service.ok("GET", url))["n"] == 20


async def test_of_many_conditional_updates_one_wins_and_the_others_are_305(service: Service) -> None:
    url = f"{CLASS}/{await make(service, state='free')}"

    async def take(owner: int) -> int:
        response = await service.call(
            "PUT", url, json={"state": "taken", "owner": owner}, params={"where": '{"state":"free"}'}
        )
        return 0 if response.is_success else int(response.json()["code"])

    assert sorted(await asyncio.gather(*map(take, range(8)))) == [0] + [305] * 7


async def test_queries_are_ordered_paged_projected_and_counted(service: Service) -> None:
    for number in range(7):
        await make(service, n=number, inner={"x": number, "y": 0}, other=True)
    found = await service.ok(
        "GET", CLASS, params={"order": "-n", "limit": 2, "skip": 1, "keys": "n,inner.x", "count": 1}
    )
    assert [{key: row[key] for key in ("n", "inner")} for row in found["results"]] == [
        {"n": 5, "inner": {"x": 5}},
        {"n": 4, "inner": {"x": 4}},
    ]
    assert set(found["results"][0]) == {"objectId", "createdAt", "updatedAt", "n", "inner"}
    assert found["count"] == 7
    without = await service.ok("GET", CLASS, params={"keys": "-inner,-other", "limit": 1})
    assert set(without["results"][0]) == {"objectId", "createdAt", "updatedAt", "n"}
    counted = await service.ok("GET", CLASS, params={"count": "1", "limit": 0})
    assert counted == {"results": [], "count": 7}


async def test_a_limit_out_of_range_is_100(service: Service) -> None:
    requests = [{"method": "POST", "path": CLASS, "body": {"n": number}} for number in range(105)]
    await service.ok("POST", "/1.1/batch", json={"requests": requests})
    for limit, rows in ((None, 100), (0, 100), (-1, 100), (1001, 100), ("1000", 105), (101, 101)):
        found = await service.ok("GET", CLASS, params={} if limit is None else {"limit": limit})
        assert len(found["results"]) == rows


async def test_a_scan_walks_a_whole_class_for_the_master_key(service: Service) -> None:
    requests = [{"method": "POST", "path": CLASS, "body": {"n": number}} for number in range(25)]
    await service.ok("POST", "/1.1/batch", json={"requests": requests})
    for key in (None, "createdAt"):
        seen, params = [], {"limit": 10, "where": '{"n":{"$gte":3}}', **({"scan_key": key} if key else {})}
        while True:
            page = await service.ok("GET", "/1.1/scan/classes/Thing", params=params)
            seen += [row["n"] for row in page["results"]]
            if "cursor" not in page:
                break
            params["cursor"] = page["cursor"]
        assert sorted(seen) == list(range(3, 25))
    assert await service.refused("GET", "/1.1/scan/classes/Thing", key="app") == 119


async def test_a_batch_does_what_it_can_and_says_what_it_could_not(service: Service) -> None:
    thing = await make(service, n=1)
    results = await service.ok(
        "POST",
        "/1.1/batch",
        json={
            "requests": [
                {"method": "POST", "path": CLASS, "body": {"n": 2}},
                {"method": "PUT", "path": f"{CLASS}/{thing}", "body": {"n": {"__op": "Add", "objects": []}}},
                {"method": "PUT", "path": f"{CLASS}/{thing}?fetchWhenSave=true", "body": {"n": 5}},
                {"method": "DELETE", "path": f"{CLASS}/{thing}", "body": {}},
                {"method": "PUT", "path": f"{CLASS}/{thing}", "body": {"n": 6}},
                {"method": "POST", "path": "/1.1/rtm/messages", "body": {}},
            ]
        },
    )
    assert set(results[0]["success"]) >= {"objectId", "createdAt"}
    assert results[1]["error"]["code"] == 111
    assert results[2]["success"]["n"] == 5
    assert results[3] == {"success": {}}
    assert [one["error"]["code"] for one in results[4:]] == [101, 404]
    assert [row["n"] for row in (await service.ok("GET", CLASS))["results"]] == [2]


async def test_a_batch_also_reads_as_the_js_sdk_does_with_long_queries(service: Service) -> None:
    thing = await make(service, n=1)
    requests = [
        {"method": "GET", "path": CLASS, "params": {"where": {"n": 1}, "limit": 1}},
        {"method": "GET", "path": f"{CLASS}/{thing}"},
        {"method": "PUT", "path": f"{CLASS}/{thing}", "body": {"n": 2}, "params": {"fetchWhenSave": True}},
        {"method": "PATCH", "path": f"{CLASS}/{thing}"},
    ]
    found, got, changed, refused = await service.ok("POST", "/1.1/batch", json={"requests": requests})
    assert [row["n"] for row in found["success"]["results"]] == [1]
    assert got["success"]["n"] == 1
    assert changed["success"]["n"] == 2
    assert refused["error"]["code"] == 405


async def test_several_objects_are_deleted_at_once_or_none(service: Service) -> None:
    things = [await make(service, n=number) for number in range(3)]
    assert await service.refused("DELETE", f"{CLASS}/{things[0]},{'0' * 24}") == 101
    await service.ok("DELETE", f"{CLASS}/{things[0]},{things[2]}")
    assert [row["n"] for row in (await service.ok("GET", CLASS))["results"]] == [1]


async def test_an_acl_decides_what_the_app_key_may_do(service: Service) -> None:
    secret = await make(service, n=1, ACL={"someone": {"read": True, "write": True}})
    frozen = await make(service, n=2, ACL={"*": {"read": True}})
    everyones = await make(service, n=3)
    found = await service.ok("GET", CLASS, key="app", params={"count": 1})
    assert [row["n"] for row in found["results"]] == [2, 3]
    assert found["count"] == 2
    assert await service.ok("GET", f"{CLASS}/{secret}", key="app") == {}
    for thing in (secret, frozen):
        assert await service.refused("PUT", f"{CLASS}/{thing}", key="app", json={"n": 9}) == 403
        assert await service.refused("DELETE", f"{CLASS}/{thing}", key="app") == 403
    await service.ok("PUT", f"{CLASS}/{everyones}", key="app", json={"n": 4})
    assert [row["n"] for row in (await service.ok("GET", CLASS))["results"]] == [1, 2, 4]


async def test_classes_of_the_platform_are_closed_to_the_app_key(service: Service) -> None:
    conversation = await make(service, CONVERSATIONS, name="x")
    for method, path in [
        ("GET", CONVERSATIONS),
        ("GET", f"{CONVERSATIONS}/{conversation}"),
        ("POST", CONVERSATIONS),
        ("PUT", f"{CONVERSATIONS}/{conversation}"),
        ("DELETE", f"{CONVERSATIONS}/{conversation}"),
        ("GET", "/1.1/classes/_SysMessage"),
        ("GET", "/1.1/classes/_Installation"),
        ("GET", "/1.1/users"),
    ]:
        response = await service.call(method, path, key="app", json={})
        assert (response.status_code, response.json()["code"]) == (403, 403), path
    inner = {"className": "_Conversation", "where": {}}
    await make(service)
    where = json.dumps({"a": {"$inQuery": inner}})
    assert await service.refused("GET", CLASS, key="app", params={"where": where}) == 403


async def test_a_conversation_made_through_storage_is_one_of_its_kind(service: Service) -> None:
    service_conversation = await make(service, CONVERSATIONS, sys=True, name="news")
    room = await make(service, CONVERSATIONS, tr=True)
    group = await make(service, CONVERSATIONS, m={"__op": "Add", "objects": ["a", "a", "b"]})
    for path, conv_id in (
        ("service-conversations", service_conversation),
        ("chatrooms", room),
        ("conversations", group),
    ):
        [row] = (await service.ok("GET", f"/1.2/rtm/{path}"))["results"]
        assert row["objectId"] == conv_id
    assert (await service.ok("GET", f"{CONVERSATIONS}/{group}"))["m"] == ["a", "a", "b"]
    assert (await service.ok("GET", f"/1.2/rtm/conversations/{group}/members"))["result"] == ["a", "b"]
    [found] = (await service.ok("GET", CONVERSATIONS, params={"where": '{"sys":true}'}))["results"]
    assert found["objectId"] == service_conversation


async def test_a_unique_conversation_made_through_storage_is_found_again(service: Service) -> None:
    members = {"__op": "Add", "objects": ["b", "a"]}
    first = await make(service, CONVERSATIONS, unique=True, m=members)
    assert await make(service, CONVERSATIONS, unique=True, m=members) == first
    made = await service.ok("POST", "/1.2/rtm/conversations", json={"m": ["a", "b"], "unique": True})
    assert made["objectId"] == first


async def test_an_imported_object_keeps_its_id_and_its_times(service: Service) -> None:
    row: dict[str, Any] = {
        "objectId": "5eccba570d3a42c5fd4e25c3",
        "createdAt": "2020-05-26T06:42:31.492Z",
        "updatedAt": "2020-05-27T06:42:31.492Z",
        "name": "old",
        "m": ["a"],
        "lm": {"__type": "Date", "iso": "2020-05-28T00:00:00.000Z"},
    }
    await service.ok("POST", CONVERSATIONS, json=row)
    assert await service.ok("GET", f"{CONVERSATIONS}/{row['objectId']}") == row
    assert await service.refused("POST", CONVERSATIONS, json=row) == 137
    where = json.dumps({"lm": {"$lte": {"__type": "Date", "iso": "2021-01-01T00:00:00Z"}}})
    assert len((await service.ok("GET", CONVERSATIONS, params={"where": where}))["results"]) == 1
    async with service.server.engine.write() as connection:
        await service.server.objects.restore(
            connection, "_Conversation", {**row, "name": "older", "m": ["b"]}
        )
    found = await service.ok("GET", CONVERSATIONS, params={"where": '{"m":"b"}'})
    assert [one["name"] for one in found["results"]] == ["older"]
    assert (await service.ok("GET", CONVERSATIONS, params={"where": '{"m":"a"}'}))["results"] == []


async def test_relations_are_kept_and_asked_for(service: Service) -> None:
    things = [await make(service, n=number) for number in range(3)]
    pointers = [{"__type": "Pointer", "className": "Thing", "objectId": thing} for thing in things]
    box = await make(service, "/1.1/classes/Box", holds={"__op": "AddRelation", "objects": pointers})
    await service.ok(
        "PUT", f"/1.1/classes/Box/{box}", json={"holds": {"__op": "RemoveRelation", "objects": pointers[1:2]}}
    )
    owner = {"__type": "Pointer", "className": "Box", "objectId": box}
    where = json.dumps({"$relatedTo": {"object": owner, "key": "holds"}})
    found = await service.ok("GET", CLASS, params={"where": where})
    assert [row["n"] for row in found["results"]] == [0, 2]
    row = await service.ok("GET", f"/1.1/classes/Box/{box}")
    assert row["holds"] == {"__type": "Relation", "className": "Thing"}


async def test_a_user_signs_up_logs_in_and_reads_what_its_acl_grants(service: Service) -> None:
    signed = await service.call(
        "POST", "/1.1/users", key="app", json={"username": "tom", "password": "cat and mouse"}
    )
    assert signed.status_code == 201
    tom = signed.json()
    assert (
        await service.refused("POST", "/1.1/users", key="app", json={"username": "tom", "password": "x"})
        == 202
    )
    assert (
        await service.refused("POST", "/1.1/login", key="app", json={"username": "tom", "password": "x"})
        == 210
    )
    assert (
        await service.refused("POST", "/1.1/login", key="app", json={"username": "spike", "password": "x"})
        == 211
    )
    user = await service.ok(
        "POST", "/1.1/login", key="app", json={"username": "tom", "password": "cat and mouse"}
    )
    assert user["sessionToken"] == tom["sessionToken"]
    assert "password" not in user
    session = {"X-LC-Session": user["sessionToken"]}
    assert (await service.ok("GET", "/1.1/users/me", key="app", headers=session))["username"] == "tom"
    stranger = await service.ok("GET", f"/1.1/users/{tom['objectId']}", key="app")
    assert stranger["username"] == "tom"
    assert "sessionToken" not in stranger
    await make(service, n=1, ACL={tom["objectId"]: {"read": True}})
    role_acl = {"*": {"read": True}}
    member = {"__type": "Pointer", "className": "_User", "objectId": tom["objectId"]}
    role = {"name": "cats", "ACL": role_acl, "users": {"__op": "AddRelation", "objects": [member]}}
    await service.ok("POST", "/1.1/roles", json=role)
    await make(service, n=2, ACL={"role:cats": {"read": True, "write": True}})
    await make(service, n=3, ACL={"role:dogs": {"read": True}})
    found = await service.ok("GET", CLASS, key="app", headers=session)
    assert [row["n"] for row in found["results"]] == [1, 2]
    assert (await service.ok("GET", CLASS, key="app"))["results"] == []
    assert await service.refused("GET", CLASS, key="app", headers={"X-LC-Session": "stale"}) == 211
    assert await service.refused("PUT", f"/1.1/users/{tom['objectId']}", key="app", json={"nick": "t"}) == 403
    await service.ok("PUT", f"/1.1/users/{tom['objectId']}", key="app", json={"nick": "t"}, headers=session)
    fresh = await service.ok(
        "PUT", f"/1.1/users/{tom['objectId']}/refreshSessionToken", key="app", headers=session
    )
    assert fresh["sessionToken"] != tom["sessionToken"]
    assert await service.refused("GET", "/1.1/users/me", key="app", headers=session) == 211


async def test_a_device_registers_itself_without_seeing_others(service: Service) -> None:
    made = await service.ok(
        "POST", "/1.1/installations", key="app", json={"deviceType": "ios", "channels": ["tom"]}
    )
    await service.ok("PUT", f"/1.1/installations/{made['objectId']}", key="app", json={"deviceToken": "t"})
    found = await service.ok("GET", "/1.1/classes/_Installation", params={"where": '{"channels":"tom"}'})
    assert [row["deviceToken"] for row in found["results"]] == ["t"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", 107),
        (b"[1]", 107),
        (b'{"a":NaN}', 107),
        (b'{"a":1e999}', 107),
        (b'{"a":"\\u0000"}', 107),
        (b'{"a":"\\ud800"}', 107),
        (b'{"\\u0000":1}', 107),
        (b"\xff\xfe{}", 107),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", 107),
        (b'{"a":' + b"[" * 100_000, 107),
    ],
)
async def test_a_body_that_no_database_could_keep_is_107(service: Service, content: bytes, code: int) -> None:
    assert await service.refused("POST", CLASS, content=content) == code


async def test_numbers_too_large_for_an_integer_become_doubles(service: Service) -> None:
    response = await service.call("POST", CLASS, content=b'{"n":' + b"9" * 30 + b',"m":9223372036854775807}')
    row = await service.ok("GET", f"{CLASS}/{response.json()['objectId']}")
    assert (row["n"], row["m"]) == (1e30, 2**63 - 1)


async def test_an_object_over_16_megabytes_is_116(service: Service) -> None:
    assert await service.refused("POST", CLASS, json={"a": "x" * (16 * 1024 * 1024)}) == 116


@pytest.mark.parametrize("name", ["%00", "%20", "'%22;--", "%F0%9F%98%80", "..", "a" * 300])
async def test_hostile_names_in_a_path_find_nothing(service: Service, name: str) -> None:
    for url in (f"{CLASS}/{name}", f"/1.1/classes/{name}", f"/1.1/scan/classes/{name}"):
        for method in ("GET", "PUT", "DELETE"):
            response = await service.call(method, url, json={})
            assert response.status_code in (200, 400, 404, 405), (method, url, response.text)


@pytest.mark.timeout(30)
async def test_a_query_that_takes_too_long_is_stopped_with_124(pair: tuple[str, str]) -> None:
    engine = Engine(pair[0], query_seconds=0.2)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(ServiceError) as refused:
        async with engine.read() as connection:
            await connection.execute(text(endless))
    assert refused.value.code == 124
    async with engine.read() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await engine.close()
