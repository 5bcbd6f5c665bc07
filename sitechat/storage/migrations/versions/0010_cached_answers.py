"""answers that may be given again"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cached_answers",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("knowledge_base_id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=200), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("context", sa.String(length=64), nullable=False),
        sa.Column("wording", sa.String(length=64), nullable=False),
        sa.Column("meaning", sa.String(length=64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("passages", sa.JSON(), nullable=False),
        sa.Column("watch", sa.String(length=10), nullable=False),
        sa.Column("search", sa.JSON(), nullable=False),
        sa.Column("indexed", sa.Integer(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["knowledge_base_id"], ["knowledge_bases.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "context", "wording"),
        sqlite_autoincrement=True,
    )
    for name, columns in (
        ("ix_cached_answers_meaning", ["scope", "meaning"]),
        ("ix_cached_answers_knowledge_base", ["knowledge_base_id", "id"]),
        ("ix_cached_answers_message", ["message_id"]),
    ):
        op.create_index(name, "cached_answers", columns)
    op.create_index("ix_changes_knowledge_base", "changes", ["knowledge_base_id", "sequence"])


def downgrade() -> None:
    op.drop_index("ix_changes_knowledge_base", "changes")
    op.drop_table("cached_answers")
