"""The tables of the first release: objects of storage classes, messages, and what belongs to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "rt_broadcasts",
        sa.Column("msg_id", ID, nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("valid_till", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("msg_id"),
    )
    op.create_index("rt_broadcasts_all", "rt_broadcasts", ["timestamp", "msg_id"])
    op.create_index("rt_broadcasts_conversation", "rt_broadcasts", ["conv_id", "timestamp", "msg_id"])
    op.create_table(
        "rt_classes",
        sa.Column("name", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "rt_cursors",
        sa.Column("client_id", ID, nullable=False),
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "conv_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rt_devices",
        sa.Column("client_id", ID, nullable=False),
        sa.Column("device", ID, nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("broadcast_at", sa.BigInteger(), nullable=False),
        sa.Column("broadcast_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "device"),
        sqlite_with_rowid=False,
    )
    op.create_index("rt_devices_seen", "rt_devices", ["seen_at", "client_id"])
    op.create_table(
        "rt_entries",
        sa.Column("class", ID, nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("value", ID, nullable=False),
        sa.Column("object_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("class", "key", "value", "object_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rt_hidden",
        sa.Column("client_id", ID, nullable=False),
        sa.Column("msg_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "msg_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("rt_hidden_message", "rt_hidden", ["msg_id"])
    op.create_table(
        "rt_messages",
        sa.Column("msg_id", ID, nullable=False),
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("reach", sa.SmallInteger(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("sender", ID, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("bin", sa.Boolean(), nullable=False),
        sa.Column("from_ip", sa.String()),
        sa.Column("ack_at", sa.BigInteger()),
        sa.Column("patched_at", sa.BigInteger()),
        sa.Column("recalled", sa.Boolean(), nullable=False),
        sa.Column("mention_all", sa.Boolean(), nullable=False),
        sa.Column("mentions", sa.Text()),
        sa.PrimaryKeyConstraint("msg_id"),
    )
    op.create_index("rt_messages_all", "rt_messages", ["timestamp", "msg_id"])
    op.create_index("rt_messages_conversation", "rt_messages", ["conv_id", "reach", "timestamp", "msg_id"])
    op.create_index(
        "rt_messages_patched",
        "rt_messages",
        ["patched_at"],
        sqlite_where=sa.text("patched_at IS NOT NULL"),
        postgresql_where=sa.text("patched_at IS NOT NULL"),
    )
    op.create_index(
        "rt_messages_sender",
        "rt_messages",
        ["sender", "timestamp", "msg_id"],
        sqlite_where=sa.text("reach <= 2"),
        postgresql_where=sa.text("reach <= 2"),
    )
    op.create_table(
        "rt_objects",
        sa.Column("class", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger()),
        sa.Column("last_message_at", sa.BigInteger()),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("class", "id"),
    )
    op.create_index("rt_objects_created", "rt_objects", ["class", "created_at", "id"])
    op.create_index("rt_objects_kind", "rt_objects", ["class", "kind", "created_at", "id"])
    op.create_index("rt_objects_updated", "rt_objects", ["class", "updated_at", "id"])
    op.create_table(
        "rt_outbox",
        sa.Column("door", sa.SmallInteger(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("lane", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("door", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("rt_outbox_lane", "rt_outbox", ["door", "lane", "id"])
    op.create_table(
        "rt_pushes",
        sa.Column("msg_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("audience", ID, nullable=False),
        sa.Column("clients", sa.Text()),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("msg_id"),
    )
    op.create_index("rt_pushes_created", "rt_pushes", ["created_at"])
    op.create_table(
        "rt_quotas",
        sa.Column("family", ID, nullable=False),
        sa.Column("span", ID, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("family", "span"),
    )
    op.create_table(
        "rt_receipts",
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("msg_id", ID, nullable=False),
        sa.Column("sender", ID, nullable=False),
        sa.PrimaryKeyConstraint("conv_id", "timestamp", "msg_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rt_recipients",
        sa.Column("client_id", ID, nullable=False),
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("msg_id", ID, nullable=False),
        sa.Column("ack_at", sa.BigInteger()),
        sa.Column("data", sa.Text()),
        sa.Column("patched_at", sa.BigInteger()),
        sa.Column("recalled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "conv_id", "timestamp", "msg_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("rt_recipients_message", "rt_recipients", ["msg_id"])
    op.create_table(
        "rt_relations",
        sa.Column("class", ID, nullable=False),
        sa.Column("object_id", ID, nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("target_class", ID, nullable=False),
        sa.Column("target_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("class", "object_id", "key", "target_class", "target_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rt_restrictions",
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("conv_id", "kind", "client_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("rt_restrictions_client", "rt_restrictions", ["client_id", "kind", "conv_id"])
    op.create_table(
        "rt_rooms",
        sa.Column("session", ID, nullable=False),
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("left_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("session"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rt_subscriptions",
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conv_id", "client_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("rt_subscriptions_client", "rt_subscriptions", ["client_id", "timestamp", "conv_id"])
    op.create_table(
        "rt_tags",
        sa.Column("client_id", ID, nullable=False),
        sa.Column("tag", ID, nullable=False),
        sa.Column("session", ID, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "tag"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rt_temporaries",
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.Column("creator", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conv_id", "client_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("rt_temporaries_client", "rt_temporaries", ["client_id", "expires_at", "conv_id"])
    op.create_table(
        "rt_threads",
        sa.Column("thread", ID, nullable=False),
        sa.Column("conv_id", ID, nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("thread"),
    )
    op.create_index("rt_threads_client", "rt_threads", ["client_id", "conv_id"])
