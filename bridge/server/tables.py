"""Every table of the server; the names begin with `rt_` because the bridge may keep its own in the same database.

Times are UTC milliseconds. Ids are ordered by bytes: SQLite's own way, and `COLLATE "C"` on PostgreSQL.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

Id = String().with_variant(String(collation="C"), "postgresql")
"""An id or cursor whose order is by bytes on both databases."""

Document = JSON().with_variant(JSONB(), "postgresql")
"""A JSON document, parsed where a row is read: text on SQLite, jsonb on PostgreSQL."""

# ---------------------------------------------------------------------------------------------------------------------
# Objects of storage classes, conversations among them
# ---------------------------------------------------------------------------------------------------------------------

objects = Table(
    "rt_objects",
    metadata,
    Column("class", Id, primary_key=True, key="class_name"),
    Column("id", Id, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("kind", SmallInteger),  # of a conversation: 1 normal, 2 chatroom, 3 service
    Column(
        "last_message_at", BigInteger
    ),  # `lm` of a conversation, apart so that a send need not rewrite the document
    Column("document", Document, nullable=False),
    Index("rt_objects_created", "class_name", "created_at", "id"),
    Index("rt_objects_updated", "class_name", "updated_at", "id"),
    Index("rt_objects_kind", "class_name", "kind", "created_at", "id"),
)

classes = Table(
    "rt_classes",
    metadata,
    Column("name", Id, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)
"""Classes come to be with their first object; those of the platform (`_Conversation`) always exist."""

entries = Table(
    "rt_entries",
    metadata,
    Column("class", Id, primary_key=True, key="class_name"),
    Column("key", Id, primary_key=True),
    Column("value", Id, primary_key=True),
    Column("object_id", Id, primary_key=True),
    sqlite_with_rowid=False,
)
"""One row for each text that objects are looked up by: a conversation's members, its name, a user's session token."""

relations = Table(
    "rt_relations",
    metadata,
    Column("class", Id, primary_key=True, key="class_name"),
    Column("object_id", Id, primary_key=True),
    Column("key", Id, primary_key=True),
    Column("target_class", Id, primary_key=True),
    Column("target_id", Id, primary_key=True),
    sqlite_with_rowid=False,
)
"""What a `Relation` column points to."""

# ---------------------------------------------------------------------------------------------------------------------
# Messages, broadcasts, subscribers, clients, quotas
# ---------------------------------------------------------------------------------------------------------------------

FROM_PEOPLE = text("reach <= 2")
"""A partial index serves only queries that repeat its condition as it stands."""

_PATCHED = text("patched_at IS NOT NULL")

messages = Table(
    "rt_messages",
    metadata,
    Column("msg_id", Id, primary_key=True),
    Column("conv_id", Id, nullable=False),
    # 1 normal, 2 chatroom, 3 individual, 4 subscribers, 5 broadcast
    Column("reach", SmallInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("sender", Id, nullable=False),
    Column("data", Text, nullable=False),
    Column("bin", Boolean, nullable=False),
    Column("from_ip", String),
    Column("ack_at", BigInteger),
    Column("patched_at", BigInteger),
    Column("recalled", Boolean, nullable=False),
    Column("mention_all", Boolean, nullable=False),
    Column("mentions", Text),  # a JSON list of client ids
    Index("rt_messages_conversation", "conv_id", "reach", "timestamp", "msg_id"),
    Index("rt_messages_all", "timestamp", "msg_id"),
    Index(
        "rt_messages_sender",
        "sender",
        "timestamp",
        "msg_id",
        sqlite_where=FROM_PEOPLE,
        postgresql_where=FROM_PEOPLE,
    ),
    Index("rt_messages_patched", "patched_at", sqlite_where=_PATCHED, postgresql_where=_PATCHED),
)

recipients = Table(
    "rt_recipients",
    metadata,
    Column("client_id", Id, primary_key=True),
    Column("conv_id", Id, primary_key=True),
    Column("timestamp", BigInteger, primary_key=True),
    Column("msg_id", Id, primary_key=True),
    Column("ack_at", BigInteger),
    Column("data", Text),  # when modified or recalled for this client; else the message's own
    Column("patched_at", BigInteger),
    Column("recalled", Boolean, nullable=False),
    Index("rt_recipients_message", "msg_id"),
    sqlite_with_rowid=False,
)
"""Who got an individual message of a service conversation; the message itself is kept once."""

threads = Table(
    "rt_threads",
    metadata,
    Column("thread", Id, primary_key=True),
    Column("conv_id", Id, nullable=False),
    Column("client_id", Id, nullable=False),
    Index("rt_threads_client", "client_id", "conv_id"),
)
"""What the MD5 that names a service user's thread was made of."""

hidden = Table(
    "rt_hidden",
    metadata,
    Column("client_id", Id, primary_key=True),
    Column("msg_id", Id, primary_key=True),
    Index("rt_hidden_message", "msg_id"),
    sqlite_with_rowid=False,
)
"""Messages to all subscribers that were deleted from one subscriber's thread."""

subscriptions = Table(
    "rt_subscriptions",
    metadata,
    Column("conv_id", Id, primary_key=True),
    Column("client_id", Id, primary_key=True),
    Column("timestamp", BigInteger, nullable=False),
    Index("rt_subscriptions_client", "client_id", "timestamp", "conv_id"),
    sqlite_with_rowid=False,
)

broadcasts = Table(
    "rt_broadcasts",
    metadata,
    Column("msg_id", Id, primary_key=True),
    Column("timestamp", BigInteger, nullable=False),
    Column("conv_id", Id, nullable=False),
    Column("valid_till", BigInteger, nullable=False),
    Index("rt_broadcasts_all", "timestamp", "msg_id"),
    Index("rt_broadcasts_conversation", "conv_id", "timestamp", "msg_id"),
)
"""Broadcasts that devices may still have to get; the message itself is in `rt_messages`."""

devices = Table(
    "rt_devices",
    metadata,
    Column("client_id", Id, primary_key=True),
    Column("device", Id, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
    Column("broadcast_at", BigInteger, nullable=False),
    Column("broadcast_id", Id, nullable=False),
    Index("rt_devices_seen", "seen_at", "client_id"),
    sqlite_with_rowid=False,
)
"""Who logged in when, and the newest broadcast that each device got."""

cursors = Table(
    "rt_cursors",
    metadata,
    Column("client_id", Id, primary_key=True),
    Column("conv_id", Id, primary_key=True),
    Column("read_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Up to where a client has read, and got, the messages of a conversation."""

quotas = Table(
    "rt_quotas",
    metadata,
    Column("family", Id, primary_key=True),
    Column("span", Id, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("used", Integer, nullable=False),
    Column("blocked_until", BigInteger, nullable=False),
)

pushes = Table(
    "rt_pushes",
    metadata,
    Column("msg_id", Id, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("conv_id", Id, nullable=False),
    Column("audience", Id, nullable=False),  # offline, subscribers, everyone
    Column("clients", Text),  # of audience `offline`: a JSON list of client ids
    Column("data", Text, nullable=False),
    Index("rt_pushes_created", "created_at"),
)

outbox = Table(
    "rt_outbox",
    metadata,
    Column("door", SmallInteger, primary_key=True),  # 1 webhook, 2 push
    Column("id", Id, primary_key=True),  # sorts by the time of its making
    Column("lane", Id, nullable=False),  # what has to arrive in order
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),  # in the future while somebody delivers it
    Column("body", Text, nullable=False),
    Index("rt_outbox_lane", "door", "lane", "id"),
    sqlite_with_rowid=False,
)
"""What the app's own addresses still have to get."""

receipts = Table(
    "rt_receipts",
    metadata,
    Column("conv_id", Id, primary_key=True),
    Column("timestamp", BigInteger, primary_key=True),
    Column("msg_id", Id, primary_key=True),
    Column("sender", Id, nullable=False),
    sqlite_with_rowid=False,
)
"""Messages whose sender still waits to hear that they arrived."""

temporaries = Table(
    "rt_temporaries",
    metadata,
    Column("conv_id", Id, primary_key=True),
    Column("client_id", Id, primary_key=True),
    Column("creator", Id, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("rt_temporaries_client", "client_id", "expires_at", "conv_id"),
    sqlite_with_rowid=False,
)
"""Temporary conversations: one row for each of the members, who never change."""

tags = Table(
    "rt_tags",
    metadata,
    Column("client_id", Id, primary_key=True),
    Column("tag", Id, primary_key=True),
    Column("session", Id, nullable=False),
    sqlite_with_rowid=False,
)
"""The session that holds a client's tag: the one that logged in last."""

rooms = Table(
    "rt_rooms",
    metadata,
    Column("session", Id, primary_key=True),
    Column("conv_id", Id, nullable=False),
    Column("left_at", BigInteger),  # when its connection was lost; absent while it is there
    sqlite_with_rowid=False,
)
"""The chatroom that a session is in, for when it reconnects."""

restrictions = Table(
    "rt_restrictions",
    metadata,
    Column("conv_id", Id, primary_key=True),
    Column("kind", SmallInteger, primary_key=True),
    Column("client_id", Id, primary_key=True),
    Column("until", BigInteger),  # absent: for good
    Index("rt_restrictions_client", "client_id", "kind", "conv_id"),
    sqlite_with_rowid=False,
)
"""Silences, blacklists and kicks.

`kind`: 1 silenced for a time, 2 silenced, 3 blocked, 4 refused by the client, 5 kicked at `until` (no conversation).
"""
