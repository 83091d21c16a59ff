"""A kick over REST: what let the client in before lets it in no more, online or not, and it may log in anew."""

import hashlib
import hmac
from typing import Any

import pytest

from tests.contract.device import Device, Refused, online, plugged
from tests.contract.messaging import RTM, make
from tests.contract.service import APP_ID, MASTER_KEY, Service, running


async def kick(service: Service, client: str) -> None:
    assert await service.ok("POST", f"{RTM}/clients/{client}/kick", json={"reason": "out"}) == {}


async def resumed(device: Device, token: str) -> int:
    """The code with which a resumption is refused, 0 when it is not."""
    try:
        await device.open("tom", st=token, r=True)
    except Refused as refused:
        return int(refused.code)
    return 0


async def test_a_kicked_client_does_not_resume_its_session_but_logs_in_anew(socket_service: Service) -> None:
    async with online(socket_service, "jerry") as jerry, plugged(socket_service) as device:
        token = (await device.open("tom", tag="phone"))["st"]
        renewed = (await device.ask("session", "refresh", st=token))["st"]
        other = (await jerry.ask("session", "refresh", st=(await jerry.open("jerry"))["st"]))["st"]
        await kick(socket_service, "tom")
        await device.hears("session", "closed")
        for stale in (token, renewed):
            assert await resumed(device, stale) == 4112
        socket_service.clock.advance(5)
        fresh = (await device.open("tom", r=True))["st"]
        assert await resumed(device, fresh) == 0
        assert await resumed(device, token) == 4112
        assert (await jerry.open("jerry", st=other, r=True))["peerId"] == "jerry"


@pytest.mark.parametrize("old", [False, True], ids=["1.2", "1.1"])
async def test_a_kick_counts_for_a_client_that_is_offline(pair: tuple[str, str], old: bool) -> None:
    async with running(pair[0], "socket") as service, plugged(service) as device:
        token = (await device.open("tom"))["st"]
        await device.drop()
        if old:
            await service.ok("POST", "/1.1/rtm/client/kick", json={"client_id": "tom"})
        else:
            await kick(service, "tom")
    async with running(pair[0], "socket") as service, plugged(service) as device:
        assert await resumed(device, token) == 4112


async def test_a_session_that_was_not_let_in_again_is_not_online(socket_service: Service) -> None:
    async with plugged(socket_service) as device:
        token = (await device.open("tom", tag="phone"))["st"]
        room = await make(socket_service, "chatroom")
        await device.ask("conv", "add", cid=room, m=["tom"])
        await kick(socket_service, "tom")
        await device.hears("session", "closed")
        assert await resumed(device, token) == 4112
    body = {"client_ids": ["tom"]}
    assert await socket_service.ok("POST", f"{RTM}/clients/check-online", json=body) == {"results": []}
    assert await socket_service.ok("GET", f"{RTM}/chatrooms/{room}/members/online-count") == {"result": 0}


def signature(at: int) -> dict[str, Any]:
    text = f"{APP_ID}:tom::{at}:n1"
    return {"t": at, "n": "n1", "s": hmac.new(MASTER_KEY.encode(), text.encode(), hashlib.sha1).hexdigest()}


async def test_a_login_signature_of_before_the_kick_is_worth_nothing(pair: tuple[str, str]) -> None:
    async with running(pair[0], "socket", sign_login=True) as service, plugged(service) as device:
        old = service.clock()
        await device.open("tom", **signature(old))
        service.clock.advance(2000)
        await kick(service, "tom")
        await device.hears("session", "closed")
        service.clock.advance(5)
        for at in (old, old // 1000):
            with pytest.raises(Refused) as refused:
                await device.open("tom", **signature(at))
            assert refused.value.code == 4102
        await device.open("tom", **signature(service.clock() // 1000))
