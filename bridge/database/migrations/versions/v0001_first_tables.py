"""The first tables: deliveries, schedules and leases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "imbridge_deliveries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("typed", sa.Boolean(), nullable=False),
        sa.Column("push", sa.Text(), nullable=True),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imbridge_deliveries")),
    )
    op.create_index("ix_imbridge_deliveries_at_id", "imbridge_deliveries", ["at", "id"], unique=False)
    op.create_index(
        "ix_imbridge_deliveries_state_at_id", "imbridge_deliveries", ["state", "at", "id"], unique=False
    )
    op.create_table(
        "imbridge_fires",
        sa.Column("schedule", sa.String(length=64), nullable=False),
        sa.Column("instant", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=False),
        sa.Column("lease", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("schedule", "instant", name=op.f("pk_imbridge_fires")),
    )
    op.create_index("ix_imbridge_fires_state_lease", "imbridge_fires", ["state", "lease"], unique=False)
    op.create_table(
        "imbridge_leases",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imbridge_leases")),
    )
    op.create_table(
        "imbridge_requests",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("claimant", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_imbridge_requests")),
    )
    op.create_table(
        "imbridge_revisions",
        sa.Column("of", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("of", name=op.f("pk_imbridge_revisions")),
    )
    op.create_table(
        "imbridge_schedules",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("grace", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("done_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_imbridge_schedules")),
    )
    op.create_table(
        "imbridge_changes",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("delivery", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery"],
            ["imbridge_deliveries.id"],
            name=op.f("fk_imbridge_changes_delivery"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imbridge_changes")),
    )
    op.create_index("ix_imbridge_changes_delivery_id", "imbridge_changes", ["delivery", "id"], unique=False)
    op.create_table(
        "imbridge_parts",
        sa.Column("delivery", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("clients", sa.Text(), nullable=False),
        sa.Column("msg_id", sa.Text(), nullable=True),
        sa.Column("timestamp", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery"],
            ["imbridge_deliveries.id"],
            name=op.f("fk_imbridge_parts_delivery"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery", "number", name=op.f("pk_imbridge_parts")),
    )
    op.create_index("ix_imbridge_parts_msg_id", "imbridge_parts", ["msg_id"], unique=False)
    op.create_index("ix_imbridge_parts_state_lease", "imbridge_parts", ["state", "lease"], unique=False)
