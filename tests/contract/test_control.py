"""The control door: emptying the server, moving its clock, and faults that are injected by the call."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.clock import now_ms
from bridge.server.app import Server
from bridge.server.control import Control, ShiftableClock
from bridge.server.faults import ConnectionCut
from bridge.server.settings import DEVELOPMENT, ServerSettings
from tests.contract.messaging import RTM, history, make, send
from tests.contract.service import APP_ID, APP_KEY, MASTER_KEY, Clock, Service, on_a_socket


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    clock = ShiftableClock()
    url = f"sqlite:///{tmp_path}/control.db"
    settings = ServerSettings(APP_ID, APP_KEY, MASTER_KEY, url, plan=DEVELOPMENT, clock=clock)
    server = await Server.start(settings)
    yield Control(server, clock)
    await server.close()


@pytest.fixture
async def service(control: Control) -> AsyncIterator[Service]:
    base_url, transport = "http://service.test", httpx.ASGITransport(control.asgi)
    async with httpx.AsyncClient(base_url=base_url, transport=transport, trust_env=False) as http:
        yield Service(control.server, http, Clock(), base_url)


async def inject(service: Service, kind: str, **fields: Any) -> Any:
    return await service.ok("POST", "/control/faults", key=None, json={"kind": kind, **fields})


async def test_without_faults_the_front_door_is_as_it_always_is(service: Service) -> None:
    conv_id = await make(service)
    sent = await send(service, conv_id)
    assert [row["msg-id"] for row in await history(service, conv_id)] == [sent["msg-id"]]


async def test_the_servers_own_door_has_no_control(control: Control) -> None:
    transport = httpx.ASGITransport(control.server.asgi)
    async with httpx.AsyncClient(base_url="http://x", transport=transport) as http:
        assert (await http.post("/control/reset")).status_code == 404


async def test_a_reset_empties_the_server_and_its_quotas_and_sets_the_clock_right(service: Service) -> None:
    conv_id = await make(service)
    statuses = await asyncio.gather(*(_send_status(service, conv_id) for _ in range(121)))
    assert max(statuses) == 429
    connection = await service.server.presence.connect("a")
    await service.ok("POST", "/control/clock", key=None, json={"shift_ms": 5_000_000})
    assert await service.ok("POST", "/control/reset", key=None) == {}
    assert await service.ok("GET", f"{RTM}/messages") == []
    assert connection.closing is not None
    assert abs((await service.ok("GET", "/control/clock", key=None))["now"] - now_ms()) < 5_000
    await send(service, await make(service))


async def _send_status(service: Service, conv_id: str) -> int:
    body = {"from_client": "tom", "message": "x"}
    return (await service.call("POST", f"{RTM}/conversations/{conv_id}/messages", json=body)).status_code


async def test_the_clock_moves_and_messages_carry_its_time(service: Service) -> None:
    moved = await service.ok("POST", "/control/clock", key=None, json={"shift_ms": 86_400_000})
    assert moved["shift_ms"] == 86_400_000
    sent = await send(service, await make(service))
    assert abs(sent["timestamp"] - now_ms() - 86_400_000) < 5_000
    assert await service.refused("POST", "/control/clock", key=None, json={}) == 1


@pytest.mark.parametrize(
    ("fault", "status", "code", "acted"),
    [
        ({"kind": "refuse", "status": 403, "code": 4305}, 403, 4305, False),
        ({"kind": "too-many"}, 429, 429, False),
        ({"kind": "fail-before"}, 503, 1, False),
        ({"kind": "fail-after", "status": 502, "code": 4200}, 502, 4200, True),
    ],
)
async def test_a_faulty_call_answers_as_asked_and_the_next_one_is_well(
    service: Service, fault: Any, status: int, code: int, acted: bool
) -> None:
    conv_id = await make(service)
    await inject(service, **fault, method="post", path="*/messages")
    body = {"from_client": "tom", "message": "x"}
    path = f"{RTM}/conversations/{conv_id}/messages"
    response = await service.call("POST", path, json=body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert len(await history(service, conv_id)) == int(acted)
    assert await _send_status(service, conv_id) == 200


async def test_a_cut_connection_has_acted(service: Service) -> None:
    conv_id = await make(service)
    await inject(service, "cut-after", path="*/messages", method="POST")
    with pytest.raises(ConnectionCut):
        await _send_status(service, conv_id)
    assert len(await history(service, conv_id)) == 1


async def test_a_cut_connection_is_cut_on_a_socket_as_well(control: Control, service: Service) -> None:
    conv_id = await make(service)
    await inject(service, "cut-after", path="*/messages", method="POST")
    async with on_a_socket(control) as url:
        path = f"{url}{RTM}/conversations/{conv_id}/messages"
        headers = {"X-LC-Id": APP_ID, "X-LC-Key": f"{MASTER_KEY},master"}
        async with httpx.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx.RemoteProtocolError):
                await http.post(path, json={"from_client": "tom", "message": "x"}, headers=headers)
    assert len(await history(service, conv_id)) == 1


@pytest.mark.parametrize(("kind", "acted"), [("hang", 0), ("hang-after", 1)])
async def test_a_hanging_call_never_answers(service: Service, kind: str, acted: int) -> None:
    conv_id = await make(service)
    await inject(service, kind, path="*/messages", method="POST")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_send_status(service, conv_id), 0.3)
    assert len(await history(service, conv_id)) == acted


async def test_a_slow_call_takes_its_time(service: Service) -> None:
    await inject(service, "slow", delay_ms=100, path="*/messages")
    started = asyncio.get_running_loop().time()
    assert await service.ok("GET", f"{RTM}/messages") == []
    assert asyncio.get_running_loop().time() - started >= 0.1


@pytest.mark.parametrize("path", [f"{RTM}/messages", "/1.1/rtm/messages/history"])
async def test_lagging_history_does_not_show_the_newest(service: Service, path: str) -> None:
    conv_id = await make(service)
    first = await send(service, conv_id, "old")
    await service.ok("POST", "/control/clock", key=None, json={"shift_ms": 60_000})
    second = await send(service, conv_id, "new")
    await inject(service, "lag", delay_ms=30_000, times=0)
    start = {"timestamp": second["timestamp"] + 1}
    for query in ({}, {"reversed": "True"}, start, {"reversed": "true", "timestamp": 1}):
        rows = await service.ok("GET", path, params=query)
        assert [row["data"] for row in rows] == ["old"]
    assert await service.ok("GET", path, params={"timestamp": first["timestamp"]}) == []
    await service.ok("POST", "/control/clock", key=None, json={"shift_ms": 60_000})
    assert len(await service.ok("GET", path)) == 2


async def test_faults_are_listed_counted_down_and_removed(service: Service) -> None:
    twice = await inject(service, "too-many", path="/1.2/rtm/messages", method="GET", skip=1, times=2)
    await inject(service, "refuse", path="/1.2/rtm/stats", times=0)
    statuses = [(await service.call("GET", f"{RTM}/messages")).status_code for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    listed = (await service.ok("GET", "/control/faults", key=None))["results"]
    assert [fault["kind"] for fault in listed] == ["refuse"]
    assert twice["times"] == 2
    await service.ok("DELETE", f"/control/faults/{listed[0]['id']}", key=None)
    await service.ok("GET", f"{RTM}/stats")
    await inject(service, "refuse", times=0)
    await service.ok("DELETE", "/control/faults", key=None)
    await service.ok("GET", f"{RTM}/stats")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "earthquake"},
        {"kind": "slow"},
        {"kind": "refuse", "status": 500},
        {"kind": "hang", "times": -1},
    ],
)
async def test_a_bad_fault_is_refused(service: Service, body: Any) -> None:
    assert await service.refused("POST", "/control/faults", key=None, json=body) == 1
