"""vectors of the parts of passages"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "late_vectors",
        sa.Column("chunk_id", sa.Integer(), nullable=False),
        sa.Column("generation_id", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["generation_id"], ["generations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chunk_id", "generation_id"),
    )
    op.add_column("staged_vectors", sa.Column("late", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("staged_vectors") as batch_op:
        batch_op.drop_column("late")
    op.drop_table("late_vectors")
