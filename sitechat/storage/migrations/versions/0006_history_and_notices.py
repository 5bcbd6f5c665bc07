"""how fast jobs were, and what is told of their ends"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.add_column(sa.Column("series", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("announced", sa.Boolean(), nullable=False, server_default="1"))
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("notices") as batch_op:
        batch_op.create_index("ix_notices_waiting", ["state", "not_before"], unique=False)


def downgrade() -> None:
    op.drop_table("notices")
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.drop_column("announced")
        batch_op.drop_column("series")
