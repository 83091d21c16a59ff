"""The tables, made by `migrations`; times are UTC milliseconds.

Names are prefixed, because the messaging server may live in the same database.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite counts up by itself only in a column of exactly this type.
_counter = BigInteger().with_variant(Integer, "sqlite")

deliveries = Table(
    "imbridge_deliveries",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("act", String(16), nullable=False),
    Column("conversation", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("typed", Boolean, nullable=False),
    Column("push", Text),
    Column("options", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    # The least settled state of its parts, kept in the same transaction as theirs.
    Column("state", String(16), nullable=False),
    # Whoever asked has been given the result, or it lies in the outbox for them.
    Column("told", Boolean, nullable=False, server_default=true()),
    Index("ix_imbridge_deliveries_told_id", "told", "id"),
    Index("ix_imbridge_deliveries_at_id", "at", "id"),
    Index("ix_imbridge_deliveries_state_at_id", "state", "at", "id"),
)

parts = Table(
    "imbridge_parts",
    metadata,
    Column("delivery", ForeignKey(deliveries.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("clients", Text, nullable=False),
    Column("msg_id", Text),
    Column("timestamp", BigInteger),
    Column("reason", String(32), nullable=False),
    Column("words", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    # Who may begin it, and who began it.
    Column("lease", String(32), nullable=False),
    Index("ix_imbridge_parts_state_lease", "state", "lease"),
    Index("ix_imbridge_parts_delivery_state", "delivery", "state"),
    Index("ix_imbridge_parts_msg_id", "msg_id"),
)

changes = Table(
    "imbridge_changes",
    metadata,
    Column("id", _counter, primary_key=True, autoincrement=True),
    Column("delivery", ForeignKey(deliveries.c.id, ondelete="CASCADE"), nullable=False),
    Column("part", Integer),
    Column("state", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("words", Text, nullable=False),
    Index("ix_imbridge_changes_delivery_id", "delivery", "id"),
)

# Request keys that have acted: the same one never acts again.
requests = Table(
    "imbridge_requests",
    metadata,
    Column("key", Text, primary_key=True),
    # The delivery's id, or a token of whoever did what reaches nobody.
    Column("claimant", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
)

schedules = Table(
    "imbridge_schedules",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("spec", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("grace", BigInteger, nullable=False),
    # Empty for those of app.yaml, which stay read-only in Slack.
    Column("owner", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("expires", BigInteger),
    # Fires up to here are dealt with, or were before its time.
    Column("done_until", BigInteger, nullable=False),
)

# One row that counts the changes to the schedules, so that other replicas see that there was one.
revisions = Table(
    "imbridge_revisions",
    metadata,
    Column("of", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

fires = Table(
    "imbridge_fires",
    metadata,
    Column("schedule", String(64), primary_key=True),
    Column("instant", BigInteger, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    # Unique to each claim: tells its winner; then the process that runs it.
    Column("claim", String(32), nullable=False),
    Column("lease", String(32), nullable=False),
    Index("ix_imbridge_fires_state_lease", "state", "lease"),
)

# Processes that are alive: what a lapsed one has left undone is taken over.
leases = Table(
    "imbridge_leases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("until", BigInteger, nullable=False),
)

# What is to be said where nobody waits for it, until it is said; afterwards, that it was.
posts = Table(
    "imbridge_posts",
    metadata,
    Column("id", _counter, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("letter", Text, nullable=False),
    Column("state", String(16), nullable=False),
    # It may stand there already.
    Column("again", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("lease", String(32), nullable=False),
    UniqueConstraint("key"),
    Index("ix_imbridge_posts_state_id", "state", "id"),
)

# One row for each family of calls, as `bridge.realtime.limits.Usage` has it.
quotas = Table(
    "imbridge_quotas",
    metadata,
    Column("family", String(16), primary_key=True),
    Column("usage", Text, nullable=False),
)
