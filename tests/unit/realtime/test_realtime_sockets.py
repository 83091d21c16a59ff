"""What comes of a call when a real socket fails in each of its ways: sent, certainly not sent, or unknown."""

import asyncio
import contextlib
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from bridge.realtime.client import Credentials, Effort, RealtimeClient, Timeouts, open_http
from bridge.realtime.content import Text
from bridge.realtime.errors import NotSent, RealtimeError, Unavailable, Unknown
from bridge.realtime.history import HistoryRange, InConversation
from bridge.realtime.models import MessageKey, Ref

Serving = Callable[[Callable[[Any], Awaitable[None]]], Awaitable[str]]

CONVERSATION = Ref("C")
KEY = MessageKey("M", 7, "tom")
CLOSING = "HTTP/1.1 200 OK\r\nConnection: close"
SENT = b'{"msg-id":"M","timestamp":7}'
PATIENT = Timeouts()
QUICK = Timeouts(connect=0.3, read=0.3)
ONCE = Effort(read_attempts=1)

ACTS: dict[str, Callable[[RealtimeClient], Awaitable[object]]] = {
    "POST": lambda c: c.send(CONVERSATION, "tom", Text("hi")),
    "PUT": lambda c: c.edit_message(CONVERSATION, KEY, Text("hi")),
    "DELETE": lambda c: c.delete_message(CONVERSATION, KEY),
    "DELETE with a body": lambda c: c.remove_members(CONVERSATION, ["a"]),
}


@contextlib.asynccontextmanager
async def client_of(
    url: str, timeouts: Timeouts = PATIENT, effort: Effort = ONCE, **more: Any
) -> AsyncIterator[RealtimeClient]:
    async with open_http(url, timeouts=timeouts, **more) as http:
        yield RealtimeClient(http, Credentials("app", master_key="m"), effort=effort)


async def fate(call: Awaitable[object]) -> type[RealtimeError]:
    with pytest.raises(RealtimeError) as failed:
        await call
    return type(failed.value)


# Certainly not sent


async def test_a_refused_connection_was_not_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with client_of(url) as client:
            for act in ACTS.values():
                assert await fate(act(client)) is NotSent
            assert await fate(client.stats()) is Unavailable


async def test_a_connection_that_does_not_open_in_time_was_not_sent() -> None:
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # nobody accepts: the queue is full and further connections hang
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        async with client_of(f"http://127.0.0.1:{full.getsockname()[1]}", QUICK) as client:
            assert await fate(ACTS["POST"](client)) is NotSent


async def test_a_call_that_waits_for_a_connection_in_vain_was_not_sent(serving: Serving) -> None:
    arrived = asyncio.Event()
    requests = []

    async def hang(connection: Any) -> None:
        requests.append(await connection.request())
        arrived.set()
        await connection.reader.read()

    timeouts = Timeouts(connect=0.3, read=30)
    async with client_of(await serving(hang), timeouts, connections=1) as client:
        first = asyncio.create_task(client.send(CONVERSATION, "tom", Text("hi")))
        await arrived.wait()
        assert await fate(ACTS["POST"](client)) is NotSent
        assert len(requests) == 1
        first.cancel()


async def test_a_server_that_speaks_no_tls_was_sent_nothing(serving: Serving) -> None:
    async def refuse(connection: Any) -> None:
        await connection.reader.read(5)
        connection.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    url = (await serving(refuse)).replace("http://", "https://")
    async with client_of(url) as client:
        assert await fate(ACTS["POST"](client)) is NotSent


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "127.0.0.1:1"])
async def test_an_address_that_is_no_web_address_was_sent_nothing(url: str) -> None:
    async with client_of(url) as client:
        assert await fate(ACTS["POST"](client)) is NotSent


# Unknown


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    "said",
    [
        None,
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"msg-id":"M","timestamp":7}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\n{"msg-id":"M","timestamp":7}\r\n',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/9.9 abc\r\n\r\n",
    ],
)
async def test_a_connection_that_ends_before_the_answer_does_leaves_it_unknown(
    serving: Serving, act: str, said: bytes | None
) -> None:
    requests = []

    async def cut(connection: Any) -> None:
        requests.append(await connection.request())
        if said is None:
            connection.abort()
        else:
            connection.writer.write(said)

    async with client_of(await serving(cut)) as client:
        assert await fate(ACTS[act](client)) is Unknown
    assert len(requests) == 1


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
async def test_an_answer_that_does_not_come_in_time_leaves_it_unknown(serving: Serving, said: bytes) -> None:
    requests = []

    async def hang(connection: Any) -> None:
        requests.append(await connection.request())
        connection.writer.write(said)
        await connection.reader.read()

    async with client_of(await serving(hang), QUICK) as client:
        for act in ACTS.values():
            assert await fate(act(client)) is Unknown
        assert await fate(client.stats()) is Unavailable
    assert len(requests) == len(ACTS) + 1


async def test_an_answer_that_drips_for_ever_is_given_up_as_a_whole(serving: Serving) -> None:
    async def drip(connection: Any) -> None:
        await connection.request()
        connection.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.writer.write(b"1\r\n \r\n")
            await connection.writer.drain()
            await asyncio.sleep(0.02)

    async with client_of(await serving(drip), QUICK, Effort(exchange_seconds=0.5)) as client:
        assert await fate(ACTS["POST"](client)) is Unknown


@pytest.mark.parametrize("act", ACTS)
async def test_a_kept_connection_that_breaks_as_it_is_used_leaves_it_unknown_and_repeats_nothing(
    serving: Serving, act: str
) -> None:
    requests = []

    async def answer_once(connection: Any) -> None:
        requests.append((connection.number, await connection.request()))
        connection.answer(b'{"count":1}')
        requests.append((connection.number, await connection.request()))
        connection.abort()

    async with client_of(await serving(answer_once)) as client:
        assert await client.unread_count("a") == 1
        assert await fate(ACTS[act](client)) is Unknown
    assert [number for number, _ in requests] == [1, 1], "on the kept connection, and nowhere else"


# Sent


async def test_a_kept_connection_that_the_server_closed_meanwhile_is_not_used(serving: Serving) -> None:
    closed = asyncio.Event()

    async def answer_and_close(connection: Any) -> None:
        await connection.request()
        connection.answer(SENT)
        connection.writer.close()
        await connection.writer.wait_closed()
        closed.set()

    async with client_of(await serving(answer_and_close)) as client:
        for _ in range(3):
            closed.clear()
            await ACTS["POST"](client)
            await closed.wait()
            for _ in range(5):  # the end has arrived; the loop's next rounds tell the client's side
                await asyncio.sleep(0)


async def test_connections_are_kept_for_the_next_call_but_no_longer_than_two_seconds(
    serving: Serving,
) -> None:
    dropped: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    numbers = []
    answered = 0.0

    async def answer(connection: Any) -> None:
        nonlocal answered
        try:
            while True:
                await connection.request()
                numbers.append(connection.number)
                connection.answer(SENT)
                answered = asyncio.get_running_loop().time()
        except asyncio.IncompleteReadError:
            dropped.set_result(asyncio.get_running_loop().time() - answered)

    async with client_of(await serving(answer)) as client:
        await ACTS["POST"](client)
        await ACTS["POST"](client)
        assert numbers == [1, 1]
        assert 1.5 < await asyncio.wait_for(dropped, 10) < 5


@pytest.mark.parametrize(
    "client_id", ["a/b+c=", "100%2F", "晚会 ?#&", "...", "a%zz", "~-._", "'()*!$,;:@", "é\x00"]
)
async def test_ids_and_parameters_arrive_as_they_were_meant(serving: Serving, client_id: str) -> None:
    lines = []

    async def answer(connection: Any) -> None:
        while True:
            line, _ = await connection.request()
            lines.append(line)
            connection.answer(json.dumps({"count": 1} if "unread" in line else []).encode())

    async with client_of(await serving(answer)) as client:
        await client.unread_count(client_id, Ref(client_id))
        await client.history(InConversation(Ref(client_id)), HistoryRange(timestamp=1, msgid=client_id))
    for line, place in zip(lines, (4, 4), strict=True):
        target = urlsplit(line.split(" ")[1])
        assert unquote(target.path.split("/")[place]) == client_id
        assert client_id in [value for values in parse_qs(target.query).values() for value in values]


async def test_requests_carry_the_keys_and_json_and_compressed_answers_are_read(serving: Serving) -> None:
    heads = []

    async def answer(connection: Any) -> None:
        heads.append((await connection.reader.readuntil(b"\r\n\r\n")).decode().lower())
        connection.answer(gzip.compress(SENT), f"{CLOSING}\r\nContent-Encoding: gzip\r\nSet-Cookie: a=b")

    async with client_of(await serving(answer)) as client:
        sent = await client.send(CONVERSATION, "tom", Text("晚会"))
    assert (sent.msg_id, sent.timestamp) == ("M", 7)
    assert "x-lc-id: app\r\nx-lc-key: m,master\r\n" in heads[0]
    assert "content-type: application/json\r\n" in heads[0]


async def test_a_redirect_is_not_followed_with_the_keys(serving: Serving) -> None:
    lines = []

    async def redirect(connection: Any) -> None:
        lines.append((await connection.request())[0])
        connection.answer(b"", "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\nLocation: /elsewhere")

    async with client_of(await serving(redirect)) as client:
        assert await fate(ACTS["PUT"](client)) is Unknown
        assert await fate(client.stats()) is Unavailable
    assert len(lines) == 2


async def test_a_read_goes_on_after_a_broken_connection(serving: Serving) -> None:
    async def flaky(connection: Any) -> None:
        await connection.request()
        if connection.number < 3:
            connection.abort()
        else:
            connection.answer(b'{"count":4}')

    effort = Effort(read_attempts=3, read_backoff_seconds=0.0)
    async with client_of(await serving(flaky), effort=effort) as client:
        assert await client.unread_count("a") == 4
