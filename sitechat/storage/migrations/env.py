"""Alembic's entry: runs the migrations on the database that the configuration names."""

from alembic import context
from sqlalchemy import create_engine, pool

from sitechat.storage.source_table import SourceRow

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SourceRow.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
