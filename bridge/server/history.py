"""Reading messages back: parameter group H, as range scans on (timestamp, id), each page as cheap as the first."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.errors import BAD_ARGUMENT, SIGNATURE_FAILED
from bridge.server.fields import page_size
from bridge.server.http import Json, Parameters
from bridge.server.presence import Direct
from bridge.server.settings import ServerSettings
from bridge.server.store import Reach
from bridge.server.tables import FROM_PEOPLE, hidden, messages, recipients, subscriptions, threads

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
SIGNATURE_LIFE_MS = 6 * 3_600_000


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range: a message, or with `msg_id` empty an instant, and whether it belongs to the range."""

    timestamp: int
    msg_id: str | None
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Which messages are asked for: at most `limit` from `start` on towards `stop`, each absent when open."""

    start: Bound | None = None
    stop: Bound | None = None
    oldest_first: bool = False
    limit: int = DEFAULT_LIMIT


def read_page(fields: Parameters) -> Page:
    """Reads parameter group H; `max_ts` is the old name of `timestamp`."""
    since = "timestamp" if "timestamp" in fields else "max_ts"
    return Page(
        start=_bound(fields, since, "msgid", "include_start"),
        stop=_bound(fields, "till_timestamp", "till_msgid", "include_stop"),
        oldest_first=fields.boolean("reversed"),
        limit=page_size(fields, DEFAULT_LIMIT, MAX_LIMIT),
    )


def _bound(fields: Parameters, timestamp: str, msg_id: str, inclusive: str) -> Bound | None:
    at = fields.integer(timestamp)
    of = fields.text(msg_id) or None
    included = fields.boolean(inclusive)
    if at is None:
        if of is not None:
            raise BAD_ARGUMENT(f"'{msg_id}' is understood only together with its '{timestamp}'")
        return None
    return Bound(at, of, included)


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as one reader sees it; `patched_at` is when it was last modified or recalled, times in UTC ms."""

    msg_id: str
    conv_id: str
    reach: int
    sender: str
    data: str
    timestamp: int
    bin: bool
    from_ip: str | None
    ack_at: int | None
    patched_at: int | None
    recalled: bool
    mention_all: bool
    mentions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """An ordered set of messages: the columns of an `Entry`, and those of the index that order them."""

    rows: Select[Any]
    timestamp: ColumnElement[int]
    msg_id: ColumnElement[str]


ENTRY_COLUMNS = (
    messages.c.msg_id,
    messages.c.conv_id,
    messages.c.reach,
    messages.c.sender,
    messages.c.data,
    messages.c.timestamp,
    messages.c.bin,
    messages.c.from_ip,
    messages.c.ack_at,
    messages.c.patched_at,
    messages.c.recalled,
    messages.c.mention_all,
    messages.c.mentions,
)


def _stored(*conditions: ColumnElement[bool]) -> _Source:
    return _Source(select(*ENTRY_COLUMNS).where(*conditions), messages.c.timestamp, messages.c.msg_id)


def _of_conversation(conv_id: str, reach: Reach) -> _Source:
    return _stored(messages.c.conv_id == conv_id, messages.c.reach == int(reach))


def _individual(conv_id: str, client_id: str) -> _Source:
    columns = {
        "data": func.coalesce(recipients.c.data, messages.c.data).label("data"),
        "ack_at": recipients.c.ack_at,
        "patched_at": recipients.c.patched_at,
        "recalled": recipients.c.recalled,
    }
    rows = (
        select(*(columns.get(column.name, column) for column in ENTRY_COLUMNS))
        .join_from(recipients, messages, recipients.c.msg_id == messages.c.msg_id)
        .where(recipients.c.client_id == client_id, recipients.c.conv_id == conv_id)
    )
    return _Source(rows, recipients.c.timestamp, recipients.c.msg_id)


def _since_subscription(conv_id: str, client_id: str, since: int) -> _Source:
    deleted = select(literal(1)).where(hidden.c.client_id == client_id, hidden.c.msg_id == messages.c.msg_id)
    return _stored(
        messages.c.conv_id == conv_id,
        messages.c.reach == int(Reach.SUBSCRIBERS),
        messages.c.timestamp >= since,
        ~deleted.exists(),
    )


async def of_conversation(connection: AsyncConnection, conv_id: str, reach: Reach, page: Page) -> list[Entry]:
    """The messages of a normal conversation or a chatroom."""
    return await _read(connection, [_of_conversation(conv_id, reach)], page)


async def of_service(connection: AsyncConnection, conv_id: str, page: Page) -> list[Entry]:
    """Everything that a service conversation sent: to individual clients, to subscribers, to everybody."""
    sources = [_of_conversation(conv_id, reach) for reach in Reach if reach.conv_type == Reach.INDIVIDUAL]
    return await _read(connection, sources, page)


async def of_thread(connection: AsyncConnection, conv_id: str, client_id: str, page: Page) -> list[Entry]:
    """What a client got from a service conversation: individual messages, and those to subscribers since it is one."""
    sources = [_individual(conv_id, client_id)]
    subscribed = select(subscriptions.c.timestamp).where(
        subscriptions.c.conv_id == conv_id, subscriptions.c.client_id == client_id
    )
    since = (await connection.execute(subscribed)).scalar_one_or_none()
    if since is not None:
        sources.append(_since_subscription(conv_id, client_id, since))
    return await _read(connection, sources, page)


async def of_sender(connection: AsyncConnection, client_id: str, page: Page) -> list[Entry]:
    """What a client sent, in normal conversations and chatrooms."""
    source = _stored(messages.c.sender == client_id)
    narrowed = _Source(source.rows.where(FROM_PEOPLE), source.timestamp, source.msg_id)
    return await _read(connection, [narrowed], page)


async def of_app(connection: AsyncConnection, page: Page) -> list[Entry]:
    """Every message of the app, each once."""
    return await _read(connection, [_stored()], page)


async def thread_of(connection: AsyncConnection, thread: str) -> tuple[str, str] | None:
    """The service conversation and the client whose thread has this MD5."""
    query = select(threads.c.conv_id, threads.c.client_id).where(threads.c.thread == thread)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (row.conv_id, row.client_id)


async def _read(connection: AsyncConnection, sources: Sequence[_Source], page: Page) -> list[Entry]:
    rows = [row for source in sources for row in (await connection.execute(_ranged(source, page))).all()]
    if len(sources) > 1:
        rows.sort(key=lambda row: (row.timestamp, row.msg_id.encode()), reverse=not page.oldest_first)
    return [entry_of(row) for row in rows[: page.limit]]


def entry_of(row: "Row[*tuple[Any, ...]]") -> Entry:
    """A row that has `ENTRY_COLUMNS`."""
    return Entry(
        msg_id=row.msg_id,
        conv_id=row.conv_id,
        reach=row.reach,
        sender=row.sender,
        data=row.data,
        timestamp=row.timestamp,
        bin=row.bin,
        from_ip=row.from_ip,
        ack_at=row.ack_at,
        patched_at=row.patched_at,
        recalled=row.recalled,
        mention_all=row.mention_all,
        mentions=tuple(json.loads(row.mentions)) if row.mentions else (),
    )


def _ranged(source: _Source, page: Page) -> Select[Any]:
    lower, upper = (page.start, page.stop) if page.oldest_first else (page.stop, page.start)
    rows = source.rows
    if lower is not None:
        rows = rows.where(_after(source, lower))
    if upper is not None:
        rows = rows.where(_before(source, upper))
    order = (source.timestamp, source.msg_id)
    rows = rows.order_by(*(order if page.oldest_first else (column.desc() for column in order)))
    return rows.limit(page.limit)


def _after(source: _Source, bound: Bound) -> ColumnElement[bool]:
    if bound.msg_id is None:
        return source.timestamp >= bound.timestamp if bound.inclusive else source.timestamp > bound.timestamp
    here, there = tuple_(source.timestamp, source.msg_id), tuple_(bound.timestamp, bound.msg_id)
    return here >= there if bound.inclusive else here > there


def _before(source: _Source, bound: Bound) -> ColumnElement[bool]:
    if bound.msg_id is None:
        return source.timestamp <= bound.timestamp if bound.inclusive else source.timestamp < bound.timestamp
    here, there = tuple_(source.timestamp, source.msg_id), tuple_(bound.timestamp, bound.msg_id)
    return here <= there if bound.inclusive else here < there


def direct_of(entry: Entry) -> Direct:
    """The message as a device gets it that was offline when it was sent."""
    return Direct(
        msg_id=entry.msg_id,
        conv_id=entry.conv_id,
        conv_type=Reach(entry.reach).conv_type,
        sender=entry.sender,
        timestamp=entry.timestamp,
        data=entry.data,
        bin=entry.bin,
        mention_all=entry.mention_all,
        mentions=entry.mentions,
        patched_at=entry.patched_at,
    )


def render(entry: Entry, thread: str | None = None) -> dict[str, Json]:
    """One message as REST history shows it; `thread` is the `conv-id` where that is not the conversation's."""
    shown: dict[str, Json] = {
        "msg-id": entry.msg_id,
        "conv-id": thread or entry.conv_id,
        "from": entry.sender,
        "to": entry.conv_id,
        "data": entry.data,
        "timestamp": entry.timestamp,
        "is-conv": True,
        "is-room": False,
        "bin": entry.bin,
        "from-ip": entry.from_ip,
    }
    if entry.ack_at is not None:
        shown["ack-at"] = entry.ack_at
    return shown


def render_all(entries: Sequence[Entry], thread: str | None = None) -> list[Json]:
    """A page as REST history answers it."""
    return [render(entry, thread) for entry in entries]


def check_signature(settings: ServerSettings, fields: Parameters, conv_id: str) -> None:
    """Checks the signature of a history read (4102), where the app has switched signing on.

    The text is `appid:client_id:convid:nonce:signature_ts`, nonce before time; REST 1.1 says `peerid`.
    """
    if not settings.sign_history:
        return
    client_id = fields.text("client_id") or fields.text("peerid") or ""
    nonce, signed_at = fields.text("nonce") or "", fields.integer("signature_ts") or 0
    text = f"{settings.app_id}:{client_id}:{conv_id}:{nonce}:{signed_at}"
    expected = hmac.new(settings.master_key.encode(), text.encode(), hashlib.sha1).hexdigest()
    given = fields.text("signature") or ""
    if not client_id or not nonce or not hmac.compare_digest(given.encode(), expected.encode()):
        raise SIGNATURE_FAILED("history is read with client_id, nonce, signature_ts and signature")
    if abs(settings.clock() - signed_at) > SIGNATURE_LIFE_MS:
        raise SIGNATURE_FAILED("the signature is older than 6 hours")
