"""The switch that stops everything that reaches people, for all replicas at once."""

from sqlalchemy import Connection, Select, select, update

from bridge.database.tables import switches
from bridge.freezing import Frozen

_FREEZE = switches.c.name == "freeze"
"""Its row is there from the first migration on: there is always something to lock."""


def is_frozen(connection: Connection) -> bool:
    """Whether nothing may go out; on PostgreSQL it stays so until the transaction ends."""
    row = select(switches.c.is_on).where(_FREEZE).with_for_update(read=True)
    return bool(connection.execute(row).scalar_one())


def turn(connection: Connection, now: Frozen, *, on: bool) -> bool:
    """Turn the switch; False where it stood so already."""
    turned = update(switches).where(_FREEZE, switches.c.is_on.is_(not on))
    return connection.execute(turned.values(is_on=on, who=now.who, at=now.at)).rowcount > 0


def standing() -> Select[bool, str, int]:
    """Asks how it stands: whether it is on, who turned it and when."""
    return select(switches.c.is_on, switches.c.who, switches.c.at).where(_FREEZE)
