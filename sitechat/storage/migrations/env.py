"""Alembic's entry: runs the migrations on the database that the configuration names, all of them or none.

A kill or a full disk half-way would otherwise leave a schema that no later start can take further. SQLite could do it,
but its Python driver commits before each change of a table, so it is told to leave transactions to us.
"""

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, event, pool

from sitechat.storage.tables import Base


def _leave_transactions_to_us(connection: Any, _: Any) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
event.listen(engine, "connect", _leave_transactions_to_us)
event.listen(engine, "begin", _begin)
with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
