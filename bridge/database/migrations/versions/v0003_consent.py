"""What waits for a person's word, how long a delivery waits, and the switch that stops everything."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column(
        "imbridge_deliveries", sa.Column("due", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("imbridge_schedules", sa.Column("consent_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("imbridge_schedules", sa.Column("consent_role", sa.Text()))
    op.create_table(
        "imbridge_proposals",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("command", sa.String(length=64), nullable=False),
        sa.Column("announces", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text()),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("role", sa.Text()),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imbridge_proposals")),
    )
    op.create_index(
        "ix_imbridge_proposals_state_until", "imbridge_proposals", ["state", "until"], unique=False
    )
    switches = op.create_table(
        "imbridge_switches",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_imbridge_switches")),
    )
    op.bulk_insert(switches, [{"name": "freeze", "is_on": False, "who": "", "at": 0}])
