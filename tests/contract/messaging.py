"""What the message tests share: conversations of each kind, sends, and who is online."""

import asyncio
from typing import Any

from bridge.server.presence import Connection, Event
from tests.contract.service import Service

RTM = "/1.2/rtm"
PATHS = {"normal": "conversations", "chatroom": "chatrooms", "service": "service-conversations"}


async def make(service: Service, kind: str = "normal", **columns: Any) -> str:
    """A new conversation's id."""
    row = await service.ok("POST", f"{RTM}/{PATHS[kind]}", json={"name": kind, **columns})
    return str(row["objectId"])


async def send(
    service: Service, conv_id: str, text: str = "hello", kind: str = "normal", **fields: Any
) -> Any:
    """Sends a message as `tom`; gives the answer."""
    body = {"from_client": "tom", "message": text, **fields}
    return await service.ok("POST", f"{RTM}/{PATHS[kind]}/{conv_id}/messages", json=body)


async def history(service: Service, conv_id: str, kind: str = "normal", **query: Any) -> list[Any]:
    """A page of a conversation's history."""
    rows = await service.ok("GET", f"{RTM}/{PATHS[kind]}/{conv_id}/messages", params=query)
    assert isinstance(rows, list)
    return rows


async def subscribe(service: Service, conv_id: str, *clients: str) -> None:
    """Makes clients subscribers."""
    for client in clients:
        path = f"{RTM}/service-conversations/{conv_id}/subscribers"
        assert await service.ok("POST", path, json={"client_id": client}) == {}


async def online(service: Service, client: str, device: str = "") -> Connection:
    """A client's device, connected."""
    return await service.server.presence.connect(client, device)


async def arrives(connection: Connection) -> Event:
    """The next event of a connection, which has to be on its way."""
    return await asyncio.wait_for(anext(connection), 5)


def waiting(connection: Connection) -> int:
    """How many events wait in a connection."""
    return len(connection._events)
