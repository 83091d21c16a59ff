"""What the tests of moving share: a rich app behind a gate, its files, and all that REST shows of an app."""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.listen import bind, listening
from bridge.realtime.client import Credentials, RealtimeClient, open_http
from bridge.server.engine import Engine
from bridge.server.store import Draft, Reach
from bridge.server.tables import messages as stored_messages
from tests.contract.messaging import RTM, make, send, subscribe
from tests.contract.service import APP_ID, APP_KEY, MASTER_KEY, Service, running

ROOT = Path(__file__).parents[2]
PROGRAM = "from bridge.cli import main; main()"
MESSAGES = 3000
LINK = re.compile(r"http://[^\"/]+/(?:files/[0-9a-f]{64}/)?(picture|page|nameless)(?:\.png|\.html)?[^\"\\]*")
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


@dataclass
class Gate:
    """Stands before a server: counts requests, and may answer one itself."""

    app: ASGIApp
    on_request: Callable[[int, str], Response | None] = lambda _number, _path: None
    seen: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope["path"])
        answer = self.on_request(len(self.seen), scope["path"])
        await (answer or self.app)(scope, receive, send)


@dataclass
class Source:
    """The app to move: its server in this process, the address where the gate stands, and where its files are."""

    service: Service
    gate: Gate
    url: str
    files_url: str

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[RealtimeClient]:
        async with open_http(self.url) as http:
            yield RealtimeClient(http, Credentials(APP_ID, APP_KEY, MASTER_KEY))


@contextlib.asynccontextmanager
async def source_app(folder: Path, messages: int = MESSAGES) -> AsyncIterator[Source]:
    """A rich app behind a gate on a socket, and the server of its files."""
    async with contextlib.AsyncExitStack() as stack:
        service = await stack.enter_async_context(running(f"sqlite:///{folder}/source.db", "inprocess"))
        gate = Gate(service.server.asgi)
        front, files = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
        await stack.enter_async_context(listening(gate, front))
        await stack.enter_async_context(listening(_files(), files))
        source = Source(service, gate, front.url, files.url)
        await populate(source, messages)
        yield source


def _files() -> Starlette:
    async def picture(_: Request) -> Response:
        return Response(PICTURE, media_type="image/png")

    async def page(_: Request) -> Response:
        return Response("<script>alert(1)</script>", media_type="text/html")

    async def inwards(request: Request) -> Response:
        return RedirectResponse(f"http://127.0.0.1:{request.url.port}/picture.png")

    return Starlette(
        routes=[
            Route("/picture.png", picture),
            Route("/nameless", picture),
            Route("/page.html", page),
            Route("/inwards", inwards),
        ]
    )


def linked(url: str, kind: int = -2) -> str:
    """A typed message with a file."""
    return json.dumps({"_lctype": kind, "_lctext": "看", "_lcfile": {"url": url, "metaData": {"name": "p"}}})


async def populate(source: Source, messages: int) -> None:
    """Conversations of all kinds, roles, silences, and messages of every kind, many with the same time."""
    service = source.service
    group = await make(service, members_of="x", m=["tom", "mary", "jerry"], attr={"深": {"k": [1, 2.5]}})
    room = await make(service, "chatroom")
    news = await make(service, "service", topic="news")
    alerts = await make(service, "service")
    # The Python SDK's `Add` may name a member twice.
    twice = {
        "name": "twice",
        "m": {"__op": "Add", "objects": ["tom", "tom", "mary"]},
        "ACL": {"*": {"read": True}},
    }
    await service.ok("POST", "/1.1/classes/_Conversation", json=twice)
    await subscribe(service, news, *(f"c{number:02}" for number in range(25)))
    await subscribe(service, alerts, "tom", "mary")
    await _restrict(service, group, room, news)
    for start in range(0, messages, 200):
        drafts = (
            Draft(reach=Reach.NORMAL, conv_id=group, sender="tom", data=f"第{number}条")
            for number in range(start, start + 200)
        )
        await asyncio.gather(*map(service.server.messages.send, drafts))
    await send(service, room, "in the room", "chatroom")
    await _speak(service, news, alerts)
    await _attach(source, group)


async def _restrict(service: Service, group: str, room: str, news: str) -> None:
    path = f"{RTM}/conversations/{group}"
    await service.ok("POST", f"{path}/member-infos", json={"clientId": "tom", "role": "Manager"})
    await service.ok(
        "POST", f"{path}/permanent-silenceds", json={"client_ids": [f"s{n:02}" for n in range(15)]}
    )
    await service.ok("POST", f"{RTM}/chatrooms/{room}/blacklists", json={"client_ids": ["rude"]})
    await service.ok("POST", f"{RTM}/service-conversations/{news}/blacklists", json={"client_ids": ["spam"]})
    upstream = {"conv": {"__type": "Pointer", "className": "_Conversation", "objectId": news}, "msgId": "up1"}
    body = {**upstream, "from": "tom", "data": "hi", "bin": False, "timestamp": 1}
    await service.ok("POST", "/1.1/classes/_SysMessage", json=body)


async def _speak(service: Service, news: str, alerts: str) -> None:
    """Every way down of a service conversation."""
    for conv_id, clients in (
        (news, ["c01"]),
        (news, ["c02", "c03"]),
        (alerts, ["tom"]),
        (news, ["stranger"]),
    ):
        await send(service, conv_id, f"to {clients}", "service", to_clients=clients)
    for conv_id in (news, alerts):
        body = {"from_client": "tom", "message": "to all"}
        await service.ok("POST", f"{RTM}/service-conversations/{conv_id}/broadcasts", json=body)
    everyone = {"from_client": "tom", "conv_id": news, "message": "周六有晚会！"}
    await service.ok("POST", f"{RTM}/broadcasts", json=everyone)


async def _attach(source: Source, group: str) -> None:
    service = source.service
    for path in ("picture.png", "nameless", "page.html", "gone.png"):
        await send(service, group, linked(f"{source.files_url}/{path}"))
    row = {"url": f"{source.files_url}/picture.png?of=file", "name": "f"}
    await service.ok("POST", "/1.1/classes/_File", json=row)
    draft = Draft(reach=Reach.NORMAL, conv_id=group, sender="tom", data="AAECAwQ=", bin=True)
    await service.server.messages.send(draft)
    recalled = await send(service, group, "oops")
    path = f"{RTM}/conversations/{group}/messages/{recalled['msg-id']}/recall"
    await service.ok("PUT", path, json={"from_client": "tom", "timestamp": recalled["timestamp"]})


async def all_of(service: Service, path: str, **query: Any) -> list[Any]:
    """A whole history, page by page."""
    found: list[Any] = []
    while page := await service.ok("GET", path, params=query):
        found += page
        query |= {"timestamp": page[-1]["timestamp"], "msgid": page[-1]["msg-id"]}
    return found


async def everything(service: Service) -> dict[str, Any]:
    """All that REST shows of an app's messaging; links are shown by what the file is called."""
    shown: dict[str, Any] = {}
    for name in ("_Conversation", "_ConversationMemberInfo", "_SysMessage", "_File"):
        answer = await service.call("GET", f"/1.1/scan/classes/{name}", params={"limit": 1000})
        shown[name] = [_row(row) for row in answer.json().get("results", [])]
    shown["messages"] = [_row(row) for row in await all_of(service, f"{RTM}/messages", limit=1000)]
    for row in shown["_Conversation"]:
        shown[row["objectId"]] = await _conversation(service, row)
    return shown


async def _conversation(service: Service, row: dict[str, Any]) -> dict[str, Any]:
    kind = "service-conversations" if row.get("sys") else "chatrooms" if row.get("tr") else "conversations"
    path, shown = f"{RTM}/{kind}/{row['objectId']}", dict[str, Any]()
    for name in ("blacklists", *(() if row.get("sys") else ("permanent-silenceds",))):
        shown[name] = await service.ok("GET", f"{path}/{name}", params={"limit": 100})
    if not row.get("sys"):
        shown["history"] = [_row(one) for one in await all_of(service, f"{path}/messages", limit=1000)]
        return shown
    query = {"convid": row["objectId"], "limit": 1000}
    shown["history"] = [_row(one) for one in await all_of(service, "/1.1/rtm/messages/history", **query)]
    shown["broadcasts"] = await service.ok("GET", f"{RTM}/broadcasts", params={"conv_id": row["objectId"]})
    shown["subscribers"] = list[Any]()
    while page := await service.ok("GET", f"{path}/subscribers", params=_after(shown["subscribers"])):
        shown["subscribers"] += page
    for one in shown["subscribers"]:
        client = one["subscriber"]
        thread = await all_of(service, f"{path}/subscribers/{client}/messages", limit=1000)
        shown[f"thread of {client}"] = [_row(message) for message in thread]
    return shown


def _after(rows: list[Any]) -> dict[str, str]:
    return {"client_id": rows[-1]["subscriber"]} if rows else {}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what moving must change: links, and members that were named twice."""
    shown: dict[str, Any] = json.loads(LINK.sub(r"\1", json.dumps(row)))
    if isinstance(shown.get("m"), list):
        shown["m"] = list(dict.fromkeys(shown["m"]))
    return shown


def keys_of(path: Path) -> list[tuple[int, str]]:
    """Time and id of every message in an export, in the file's order."""
    with path.open(encoding="utf-8") as file:
        return [(row["timestamp"], row["msg-id"]) for row in map(json.loads, file)]


async def loaded(engine: Engine) -> int:
    """How many messages are in a database that somebody else is filling."""
    try:
        async with engine.read() as connection:
            return int(
                (await connection.execute(select(func.count()).select_from(stored_messages))).scalar_one()
            )
    except DBAPIError:  # there are no tables yet
        return 0


async def imbridge(
    *words: str, url: str | None = None, folder: Path, program: str = PROGRAM, **more: str
) -> asyncio.subprocess.Process:
    """The program, started; `more` is for its environment."""
    known = {"LEANCLOUD_APP_ID": APP_ID, "LEANCLOUD_APP_KEY": APP_KEY, "LEANCLOUD_MASTER_KEY": MASTER_KEY}
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        **known,
        **({"LEANCLOUD_API_SERVER": url} if url else {}),
        **more,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        *words,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def too_many() -> Response:
    return JSONResponse({"code": 429, "error": "Too many requests."}, 429)


def out_of_order() -> Response:
    return JSONResponse({"code": 502, "error": "maintenance"}, 502)
