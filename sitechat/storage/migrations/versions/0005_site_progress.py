"""websites: the percentage that was shown, and how long no page has been found"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.add_column(sa.Column("shown_percentage", sa.Float(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("quiet", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.drop_column("quiet")
        batch_op.drop_column("shown_percentage")
