"""The statements that every group of messages needs, in each database's own words: one for all rows, never composed."""

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from bridge.server.engine import POSTGRESQL
from bridge.server.http import to_json


class MessageRow(NamedTuple):
    """A new message as its table has it; `mentions` is JSON text."""

    msg_id: str
    conv_id: str
    reach: int
    timestamp: int
    sender: str
    data: str
    bin: bool
    from_ip: str | None
    mention_all: bool
    mentions: str | None


_FIND_POSTGRESQL = """
SELECT id, kind, document FROM rt_objects WHERE class = '_Conversation' AND id = ANY($1::varchar[])
"""
_FIND_SQLITE = """
SELECT id, kind, document FROM rt_objects
WHERE class = '_Conversation' AND id IN (SELECT value FROM json_each(?))
"""

# Locked in one order everywhere: two processes that touch the same conversations cannot wait for each other.
_KEEP_POSTGRESQL = """
WITH locked AS (
    SELECT id FROM rt_objects WHERE class = '_Conversation' AND id = ANY($11::varchar[])
    ORDER BY id FOR NO KEY UPDATE
), touched AS (
    UPDATE rt_objects SET last_message_at = $12
    WHERE class = '_Conversation' AND id IN (SELECT id FROM locked)
)
INSERT INTO rt_messages (
    msg_id, conv_id, reach, timestamp, sender, data, bin, from_ip, mention_all, mentions, recalled
)
SELECT *, FALSE FROM unnest(
    $1::varchar[], $2::varchar[], $3::smallint[], $4::bigint[], $5::varchar[], $6::text[],
    $7::boolean[], $8::varchar[], $9::boolean[], $10::text[]
)
"""
_KEEP_SQLITE = """
INSERT INTO rt_messages (
    msg_id, conv_id, reach, timestamp, sender, data, bin, from_ip, mention_all, mentions, recalled
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, FALSE)
"""
_TOUCH_SQLITE = """
UPDATE rt_objects SET last_message_at = ?
WHERE class = '_Conversation' AND id IN (SELECT value FROM json_each(?))
"""


def find_conversations(
    connection: Connection, conv_ids: Collection[str]
) -> list[tuple[str, int, dict[str, object]]]:
    """Id, kind and document of the conversations that exist among these ids."""
    if connection.dialect.name == POSTGRESQL:
        found = connection.exec_driver_sql(_FIND_POSTGRESQL, ([*conv_ids],))
        return [(conv_id, kind, document) for conv_id, kind, document in found]
    found = connection.exec_driver_sql(_FIND_SQLITE, (to_json([*conv_ids]),))
    return [(conv_id, kind, json.loads(document)) for conv_id, kind, document in found]


def keep_messages(
    connection: Connection, rows: Sequence[MessageRow], touched: Collection[str], now: int
) -> None:
    """Inserts messages, and notes for the conversations that they touch that the last one came at `now` (UTC ms)."""
    if connection.dialect.name == POSTGRESQL:
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.exec_driver_sql(_KEEP_POSTGRESQL, (*columns, [*touched], now))
        return
    connection.exec_driver_sql(_KEEP_SQLITE, [*rows])
    if touched:
        connection.exec_driver_sql(_TOUCH_SQLITE, (now, to_json([*touched])))
