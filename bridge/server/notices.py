"""Who hears of a change of a conversation: decided here alone, whichever wire the change came over."""

from collections.abc import Sequence

from bridge.clock import Clock
from bridge.server.http import Json, JsonObject, to_json
from bridge.server.presence import Clients, Notice, Presence
from bridge.server.targets import MEMBERS_USED
from bridge.server.times import milliseconds


class Notices:
    """Tells the clients of normal conversations; `initiator` is empty where the app itself acts, over REST."""

    def __init__(self, presence: Presence, clock: Clock) -> None:
        self._publish = presence.publish
        self._clock = clock

    async def joined(
        self, conv_id: str, initiator: str, new: Sequence[str], members: Sequence[str], at: int
    ) -> None:
        """Tells those who were let in at `at` (UTC ms), and who was a member before, the initiator among them."""
        invited = tuple(one for one in new if one != initiator)
        if invited:
            await self._publish(Notice("joined", conv_id, initiator, at=at), Clients(invited))
        watching = _distinct(*members, initiator)
        if new and watching:
            await self._publish(
                Notice("members_joined", conv_id, initiator, tuple(new), at=at), Clients(watching)
            )

    async def left(
        self, conv_id: str, initiator: str, gone: Sequence[str], members: Sequence[str], at: int
    ) -> None:
        """Tells those who were removed at `at` (UTC ms), and who of the members stays, the initiator among them."""
        removed = tuple(one for one in gone if one != initiator)
        if removed:
            await self._publish(Notice("left", conv_id, initiator, at=at), Clients(removed))
        staying = _distinct(*(one for one in members if one not in gone), initiator)
        if gone and staying:
            await self._publish(
                Notice("members_left", conv_id, initiator, tuple(gone), at=at), Clients(staying)
            )

    async def restricted(
        self, op: str, conv_id: str, initiator: str, clients: Sequence[str], members: Sequence[str]
    ) -> None:
        """Tells the clients themselves (`blocked`, `shutuped` and their opposites), and the other members."""
        at = self._clock()
        others = tuple(one for one in members if one not in clients)
        await self._publish(Notice(op, conv_id, initiator, at=at), Clients(tuple(clients)))
        await self._publish(
            Notice(f"members_{op}", conv_id, initiator, tuple(clients), at=at), Clients(others)
        )

    async def updated(
        self, row: JsonObject, changes: JsonObject, initiator: str = "", origin: str = ""
    ) -> None:
        """Tells the members of new columns, all but the session that changed them (`origin`)."""
        notice = Notice(
            "updated",
            str(row["objectId"]),
            initiator,
            attributes=to_json({**changes}),
            values=to_json(_values(row, changes)),
            at=milliseconds(str(row["updatedAt"])),
            origin=origin,
        )
        members = row.get("m")
        ids = [one for one in members if isinstance(one, str)] if isinstance(members, list) else []
        await self._publish(notice, Clients(_distinct(*ids)[:MEMBERS_USED]))


def _distinct(*clients: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in clients if one))


def _values(row: JsonObject, changes: JsonObject) -> JsonObject:
    """What is there now under each of the changed keys, dots included."""
    found: JsonObject = {}
    for key in changes:
        value: Json = row
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found[key] = value
    return found
