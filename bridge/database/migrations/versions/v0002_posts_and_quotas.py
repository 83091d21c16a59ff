"""What is still to be told, and the quotas that replicas share."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column(
        "imbridge_deliveries", sa.Column("told", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.create_index("ix_imbridge_deliveries_told_id", "imbridge_deliveries", ["told", "id"], unique=False)
    op.create_index("ix_imbridge_parts_delivery_state", "imbridge_parts", ["delivery", "state"], unique=False)
    op.create_table(
        "imbridge_posts",
        sa.Column("id", counter, autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imbridge_posts")),
        sa.UniqueConstraint("key", name=op.f("uq_imbridge_posts_key")),
    )
    op.create_index("ix_imbridge_posts_state_id", "imbridge_posts", ["state", "id"], unique=False)
    op.create_table(
        "imbridge_quotas",
        sa.Column("family", sa.String(length=16), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("family", name=op.f("pk_imbridge_quotas")),
    )
