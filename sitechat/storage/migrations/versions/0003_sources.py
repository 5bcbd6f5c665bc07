"""sources that can be read again, on a schedule; what each reading changed, and what was missing"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("knowledge_base_id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("schedule", sa.String(length=200), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grace", sa.Integer(), nullable=True),
        sa.Column("last_job_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["knowledge_base_id"], ["knowledge_bases.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("knowledge_base_id", "kind", "key"),
    )
    op.create_index("ix_sources_next", "sources", ["next_at"])
    for table in ("documents", "jobs"):
        op.add_column(table, sa.Column("source_id", sa.String(length=32), nullable=True))
    op.add_column("documents", sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("items", sa.Column("change", sa.String(length=10), nullable=False, server_default=""))
    op.add_column("items", sa.Column("chunks_changed", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_documents_source", "documents", ["source_id", "missing_since"])
    op.create_index("ix_jobs_source", "jobs", ["source_id", "state"])
    for source, jobs in _former():
        _add(source, jobs)


def _former() -> Iterator[tuple[dict[str, Any], list[str]]]:
    """The sites and pages that were read so far, each with its jobs, the last one first."""
    rows = op.get_bind().execute(
        sa.text(
            "SELECT jobs.id, jobs.knowledge_base_id, jobs.owner_id, jobs.kind, jobs.plan, jobs.created_at, items.uri "
            "FROM jobs JOIN items ON items.job_id = jobs.id AND items.ordinal = 0 "
            "WHERE jobs.kind = 'url' OR jobs.plan IS NOT NULL ORDER BY jobs.created_at DESC"
        )
    )
    found: dict[tuple[str, str, str], tuple[dict[str, Any], list[str]]] = {}
    for row in rows.mappings().all():
        place = (row["knowledge_base_id"], row["kind"], row["uri"])
        plan = row["plan"] if row["kind"] == "site" else json.dumps({"url": row["uri"]})
        source = {
            "id": uuid4().hex,
            "base": row["knowledge_base_id"],
            "owner": row["owner_id"],
            "kind": row["kind"],
            "key": row["uri"],
            "name": row["uri"],
            "plan": plan,
            "last": row["id"],
            "at": row["created_at"],
        }
        found.setdefault(place, (source, []))[1].append(row["id"])
    yield from found.values()


def _add(source: dict[str, Any], jobs: list[str]) -> None:
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "INSERT INTO sources (id, knowledge_base_id, owner_id, kind, key, name, plan, last_job_id, created_at) "
            "VALUES (:id, :base, :owner, :kind, :key, :name, :plan, :last, :at)"
        ),
        source,
    )
    for job in jobs:
        values = {"source": source["id"], "base": source["base"], "job": job}
        connection.execute(sa.text("UPDATE jobs SET source_id = :source WHERE id = :job"), values)
        connection.execute(
            sa.text(
                "UPDATE documents SET source_id = :source WHERE knowledge_base_id = :base AND source_id IS NULL "
                "AND uri IN (SELECT uri FROM items WHERE job_id = :job AND document_id = documents.id)"
            ),
            values,
        )


def downgrade() -> None:
    with op.batch_alter_table("items") as batch_op:
        batch_op.drop_column("chunks_changed")
        batch_op.drop_column("change")
    with op.batch_alter_table("jobs") as batch_op:
        batch_op.drop_index("ix_jobs_source")
        batch_op.drop_column("source_id")
    with op.batch_alter_table("documents") as batch_op:
        batch_op.drop_index("ix_documents_source")
        batch_op.drop_column("missing_since")
        batch_op.drop_column("source_id")
    op.drop_table("sources")
