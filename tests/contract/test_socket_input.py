"""What comes over a socket may be anything, and a socket may stop reading: neither harms the server or others."""

import asyncio
import contextlib
import json
import logging
import socket

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bridge.server.wire import socket as wire_socket
from tests.contract.device import address, online, plugged
from tests.contract.service import APP_ID, Service


async def raw(service: Service, protocol: str) -> ClientConnection:
    return await connect(address(service), subprotocols=[Subprotocol(protocol)], compression=None)


@pytest.mark.parametrize(
    ("protocol", "frame"),
    [
        ("lc.protobuf2.3", b"\xff\xff\xff"),
        ("lc.protobuf2.3", b""),
        ("lc.protobuf2.3", b"\x08\x63"),
        ("lc.protobuf2.3", "text"),
        ("lc.protobuf2.3", b"\x08\x00\x10\x01\x22\x02\xff\xfe"),
        ("lc.proto2base64.3", "@@@"),
        ("lc.proto2base64.3", "ü"),
        ("lc.proto2base64.3", "//8="),
        ("lc.json.3", "{"),
        ("lc.json.3", "[]"),
        ("lc.json.3", '{"cmd": 5}'),
        ("lc.json.3", '{"cmd": "conv", "op": ["x"]}'),
        ("lc.json.3", '{"cmd": "direct", "peerId": 7}'),
        ("lc.json.3", '{"cmd": "echo", "i": 99999999999}'),
        ("lc.json.3", "[" * 2000),
        ("lc.json.3", '{"cmd": "\\ud800"}'),
    ],
)
async def test_a_frame_that_cannot_be_decoded_ends_the_connection(
    socket_service: Service, protocol: str, frame: str | bytes
) -> None:
    client = await raw(socket_service, protocol)
    await client.send(frame)
    assert await client.recv()  # the error
    with pytest.raises(ConnectionClosed):
        await client.recv()
    assert client.close_code == 4114


async def test_a_bad_frame_with_an_id_is_answered_and_forgiven(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        assert await tom.refused("conv", "no-such-op") == 4114
        assert await tom.refused("no-such-command") == 4114
        await tom.ask("conv", "query")


async def test_long_frames_are_refused_and_hopeless_ones_end_the_connection(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        assert await tom.refused("conv", "query", where={"x": "y" * 5200}) == 4109
        await tom.ask("conv", "query")
        await tom.say("conv", "query", where={"x": "y" * 50_000})
        assert await tom.closed() == 4109


async def test_wrong_types_are_refused_with_the_command_that_has_them(
    socket_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    values: list[object] = [
        None,
        True,
        -1,
        2**62,
        1.5,
        "",
        "x",
        "\x00",
        [],
        ["x"],
        [1],
        [[]],
        {},
        {"$ne": 1},
        {"m": 1},
        [{"cid": 1}],
    ]
    names = [
        "cid",
        "m",
        "where",
        "sort",
        "limit",
        "skip",
        "flag",
        "attr",
        "cids",
        "tempConvIds",
        "info",
        "patches",
    ]
    names += [
        "msg",
        "binaryMsg",
        "pushData",
        "t",
        "l",
        "direction",
        "convs",
        "sessionPeerIds",
        "toPids",
        "srcCid",
        "st",
    ]
    operations: list[tuple[str, str | None]] = [
        ("conv", op)
        for op in (
            "start",
            "query",
            "add",
            "remove",
            "update",
            "count",
            "members",
            "is_member",
            "max_read",
            "mute",
        )
    ]
    operations += [("conv", op) for op in ("member_info_update", "add_shutup", "query_shutup")]
    operations += [
        ("session", "refresh"),
        ("session", "query"),
        ("blacklist", "block"),
        ("blacklist", "query"),
    ]
    operations += [("direct", None), ("logs", None), ("patch", "modify"), ("ack", None), ("read", None)]
    async with online(socket_service, "tom") as tom:
        conv = await tom.start("jerry")
        waiting = []
        for cmd, op in operations:
            for name in names:
                for value in values[:: 1 if name in ("cid", "m", "where", "attr") else 5]:
                    fields = {"cid": conv, "m": ["spike"], "srcCid": conv, name: value}
                    waiting.append(await tom.put(cmd, op, **fields))
            if cmd not in ("ack", "read"):
                await asyncio.wait_for(asyncio.gather(*waiting), 60)
            waiting.clear()
        await tom.ask("echo")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_socket_that_does_not_read_holds_up_nobody(
    socket_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_socket, "SEND_SECONDS", 0.5)
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        conv = await tom.start("jerry", "stuck")
        stuck = await stuck_client(socket_service)
        text = "x" * 4900
        for number in range(100):
            waiter = await tom.put("direct", cid=conv, msg=f"{number}{text}", transient=True)
            await asyncio.wait_for(waiter, 5)
            assert (await jerry.hears("direct"))["msg"].startswith(str(number))
        async with asyncio.timeout(10):
            while socket_service.server.presence.online(["stuck"]):
                await tom.ask("echo")
        stuck.close()


async def stuck_client(service: Service) -> socket.socket:
    """A client that opens a session by hand and then never reads again."""
    loop = asyncio.get_running_loop()
    host, port = address(service).removeprefix("ws://").split(":")
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await loop.sock_connect(plain, (host, int(port)))
    handshake = (
        f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: lc.json.3\r\n\r\n"
    )
    await loop.sock_sendall(plain, handshake.encode())
    assert b"101" in await loop.sock_recv(plain, 1024)
    login = json.dumps({"cmd": "session", "op": "open", "i": 1, "appId": APP_ID, "peerId": "stuck"}).encode()
    frame = bytes([0x81, 0x80 | len(login)]) + bytes(4) + login
    await loop.sock_sendall(plain, frame)
    assert b"opened" in await loop.sock_recv(plain, 1024)
    return plain


async def test_a_connection_that_breaks_in_the_middle_of_a_frame_is_forgotten(
    socket_service: Service,
) -> None:
    async with online(socket_service, "tom") as tom:
        for _ in range(3):
            stuck = await stuck_client(socket_service)
            with contextlib.suppress(OSError):
                stuck.send(b"\x81\xfe\x10")
            stuck.close()
        async with asyncio.timeout(10):
            while socket_service.server.presence.online(["stuck"]):
                await tom.ask("echo")


async def test_text_that_no_database_keeps_is_refused(socket_service: Service) -> None:
    async with plugged(socket_service) as device:
        await device.open("tom")
        conv = await device.start("jerry")
        assert await device.refused("direct", cid=conv, msg="a\x00b") == 4114
        await device.send(conv, "fine")
