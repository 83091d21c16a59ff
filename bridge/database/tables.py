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
    # Nothing goes out before; 0 where nobody waits.
    Column("due", BigInteger, nullable=False, server_default="0"),
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
    # Who confirmed or approved it, and in which role; empty where nobody had to.
    Column("consent_by", Text, nullable=False, server_default=""),
    Column("consent_role", Text),
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

# What waits, or waited, for a person's word; one that announces has a delivery of the same id.
proposals = Table(
    "imbridge_proposals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("line", Text, nullable=False),
    Column("command", String(64), nullable=False),
    Column("announces", Boolean, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("author", Text, nullable=False),
    Column("zone", Text),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("rule", Text),
    # Whose word is wanted: that of a role, or where it is absent, the author's.
    Column("role", Text),
    Column("state", String(16), nullable=False),
    # Whose word it was.
    Column("who", Text, nullable=False),
    Column("settled_at", BigInteger),
    Index("ix_imbridge_proposals_state_until", "state", "until"),
)

# What is on or off for all replicas.
switches = Table(
    "imbridge_switches",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Append-only, which triggers see to: of a row only its body and salt can be cleared.
audit = Table(
    "imbridge_audit",
    metadata,
    # The process that wrote it, and its place among that one's rows.
    Column("chain", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("invocation", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("consent", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("msg_ids", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("clients", Text, nullable=False),
    Column("body", Text),
    Column("salt", String(64)),
    Column("body_digest", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_imbridge_audit_at", "at"),
    Index("ix_imbridge_audit_actor_at", "actor", "at"),
    Index("ix_imbridge_audit_conversation_at", "conversation", "at"),
)
# Those whose body is still to be deleted.
Index(
    "ix_imbridge_audit_kept_at",
    audit.c.at,
    sqlite_where=audit.c.body.is_not(None),
    postgresql_where=audit.c.body.is_not(None),
)

# Where each chain ends: its rows alone can't tell that the last of them are gone.
audit_heads = Table(
    "imbridge_audit_heads",
    metadata,
    Column("chain", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

# Finds rows by the client ids that they name; the rows themselves hold them too.
audit_clients = Table(
    "imbridge_audit_clients",
    metadata,
    Column("client", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("chain", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
)
