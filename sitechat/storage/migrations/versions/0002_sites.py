"""websites: plans, depths, causes, and what tells whether a page has changed; flags of documents"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.add_column(sa.Column("plan", sa.JSON(), nullable=True))
    with op.batch_alter_table("items") as batch_op:
        batch_op.add_column(sa.Column("cause", sa.String(length=24), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("depth", sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_index("ix_items_seen", ["job_id", "uri"], unique=False)
    with op.batch_alter_table("documents") as batch_op:
        batch_op.add_column(sa.Column("flags", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("validators", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("fingerprint", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("documents") as batch_op:
        batch_op.drop_column("fingerprint")
        batch_op.drop_column("validators")
        batch_op.drop_column("flags")
    with op.batch_alter_table("items") as batch_op:
        batch_op.drop_index("ix_items_seen")
        batch_op.drop_column("depth")
        batch_op.drop_column("cause")
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.drop_column("plan")
