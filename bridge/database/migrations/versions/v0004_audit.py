"""The audit, and the triggers that keep it as it was written."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SAID = (
    *(
        "chain",
        "number",
        "invocation",
        "stage",
        "at",
        "actor",
        "team",
        "channel",
        "trigger",
        "command",
        "rule",
    ),
    *(
        "verdict",
        "consent",
        "outcome",
        "delivery",
        "msg_ids",
        "conversation",
        "clients",
        "body_digest",
        "hash",
    ),
)

# Name, table, what is refused, and when.
REFUSED = (
    ("imbridge_audit_row", "imbridge_audit", f"UPDATE OF {', '.join(SAID)}", ""),
    (
        "imbridge_audit_body",
        "imbridge_audit",
        "UPDATE OF body, salt",
        "WHEN (NEW.body IS NOT NULL OR NEW.salt IS NOT NULL)",
    ),
    ("imbridge_audit_gone", "imbridge_audit", "DELETE", ""),
    ("imbridge_audit_heads_back", "imbridge_audit_heads", "UPDATE", "WHEN (NEW.number <= OLD.number)"),
    ("imbridge_audit_heads_gone", "imbridge_audit_heads", "DELETE", ""),
    ("imbridge_audit_clients_row", "imbridge_audit_clients", "UPDATE", ""),
    ("imbridge_audit_clients_gone", "imbridge_audit_clients", "DELETE", ""),
)
REFUSE = (
    "CREATE FUNCTION imbridge_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
)


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "imbridge_audit",
        sa.Column("chain", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("invocation", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("msg_ids", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("clients", sa.Text(), nullable=False),
        sa.Column("body", sa.Text()),
        sa.Column("salt", sa.String(length=64)),
        sa.Column("body_digest", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number", name=op.f("pk_imbridge_audit")),
    )
    op.create_index("ix_imbridge_audit_at", "imbridge_audit", ["at"], unique=False)
    op.create_index("ix_imbridge_audit_actor_at", "imbridge_audit", ["actor", "at"], unique=False)
    op.create_index(
        "ix_imbridge_audit_conversation_at", "imbridge_audit", ["conversation", "at"], unique=False
    )
    op.create_index(
        "ix_imbridge_audit_kept_at",
        "imbridge_audit",
        ["at"],
        unique=False,
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    )
    op.create_table(
        "imbridge_audit_heads",
        sa.Column("chain", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_imbridge_audit_heads")),
    )
    op.create_table(
        "imbridge_audit_clients",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chain", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("client", "at", "chain", "number", name=op.f("pk_imbridge_audit_clients")),
    )
    for statement in _triggers(op.get_bind().dialect.name):
        op.execute(statement)


def _triggers(dialect: str) -> tuple[str, ...]:
    if dialect != "postgresql":
        return tuple(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when} "
            "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
            for name, table, event, when in REFUSED
        )
    return (
        REFUSE,
        *(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when} "
            "EXECUTE FUNCTION imbridge_audit_refuse()"
            for name, table, event, when in REFUSED
        ),
        *(
            f"CREATE TRIGGER {table}_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            "EXECUTE FUNCTION imbridge_audit_refuse()"
            for table in ("imbridge_audit", "imbridge_audit_heads", "imbridge_audit_clients")
        ),
    )
