"""What `Presence` asks of the other processes of the same service; the bus is what answers."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from bridge.server.presence import Event, Target


class Elsewhere(Protocol):
    """The other processes of the same service; the methods are those of `Bus`."""

    async def forward(self, events: Sequence[tuple[Event, Target]]) -> None:
        """Hands events to all of them."""

    def came(self, client_id: str, room: str | None = None) -> None:
        """Tells them who is here."""

    def went(self, client_id: str, room: str | None = None) -> None:
        """Tells them who is not here any more."""

    def expel(self, room: str, client_ids: Iterable[str]) -> None:
        """Takes clients out of a chatroom there as well."""

    @property
    def clients(self) -> set[str]:
        """Who is online there."""

    def online(self, client_id: str) -> bool:
        """Whether a client is."""

    def in_room(self, room: str) -> set[str]:
        """Who is in a chatroom there."""
