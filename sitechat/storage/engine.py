"""The database: one async engine, read and write transactions, and the schema brought up to date.

SQLite runs with WAL, ``synchronous=FULL`` (anything less loses committed rows at a power cut), foreign keys and a
busy timeout. Writers take the write lock when they begin, so no transaction fails half-way for want of it, and
writers of this process queue on an asyncio lock instead of on SQLite's polling.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from sitechat.disk import trouble_with_disk
from sitechat.errors import Unavailable
from sitechat.storage.driver import connect
from sitechat.storage.migrations import upgrade

Transaction = AsyncSession
"""An open transaction, to be handed from store to store so that their writes commit together."""

_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=15000",
    "PRAGMA secure_delete=ON",
    "PRAGMA cache_size=-16000",
)


class Database:
    """Open with :meth:`open`; hand it to the stores."""

    def __init__(self, path: Path) -> None:
        self.path = path
        url, driver = f"sqlite+aiosqlite:///{path}", {"async_creator_fn": connect}
        # Each statement is a hop to a thread and back, so a read saves those of BEGIN and ROLLBACK.
        self._reading = create_async_engine(
            url,
            pool_size=6,
            max_overflow=6,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            connect_args=driver,
        )
        self._writing = create_async_engine(url, pool_size=1, max_overflow=1, connect_args=driver)
        self._write_lock = asyncio.Lock()
        for engine in (self._reading, self._writing):
            event.listen(engine.sync_engine, "connect", _configure)
        event.listen(self._writing.sync_engine, "begin", _begin)

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """Create or migrate the database at ``path``. Raises ``Unavailable`` if it cannot be read or written."""
        try:
            await asyncio.to_thread(_prepare, path)
        except (DatabaseError, sqlite3.Error, OSError) as error:
            advice = trouble_with_disk(error) or (
                f"The cause: {_cause(error)}. Check that the folder is writable; if the file is damaged, restore it "
                "from a backup."
            )
            raise Unavailable(f"The database {path} cannot be opened. {advice}") from error
        return cls(path)

    @asynccontextmanager
    async def read(self, tx: Transaction | None = None) -> AsyncIterator[AsyncSession]:
        """Each statement sees what is committed when it begins; inside ``tx`` where one is given."""
        if tx is not None:
            yield tx
            return
        try:
            async with AsyncSession(self._reading, expire_on_commit=False) as session:
                yield session
        except OperationalError as error:
            raise Unavailable(_sentence(error, "The database could not be read")) from error

    @asynccontextmanager
    async def write(self, tx: Transaction | None = None) -> AsyncIterator[AsyncSession]:
        """A transaction that commits on leaving, or rolls back on an exception; inside ``tx`` where one is given."""
        if tx is not None:
            yield tx
            await tx.flush()
            return
        async with self._write_lock:
            try:
                async with AsyncSession(self._writing, expire_on_commit=False) as session, session.begin():
                    yield session
            except OperationalError as error:
                raise Unavailable(_sentence(error, "The database could not be written")) from error

    async def check(self) -> str:
        """One line for ``doctor``; raises ``Unavailable`` where the file is damaged."""
        async with self.read() as session:
            verdict = (await session.execute(text("PRAGMA quick_check(1)"))).scalar_one()
        if verdict != "ok":
            raise Unavailable(f"The database {self.path} is damaged: {verdict}. Restore it from a backup.")
        return f"{self.path} ({self.path.stat().st_size / 1e6:,.1f} MB)"

    async def close(self) -> None:
        await self._reading.dispose()
        await self._writing.dispose()


def _prepare(path: Path) -> None:
    """The newest schema, and WAL once for good: two connections that switch a new file at once find it locked."""
    upgrade(path)
    with closing(sqlite3.connect(path, timeout=15)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _configure(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sentence(error: OperationalError, what: str) -> str:
    return trouble_with_disk(error) or f"{what} ({_cause(error)}). Please retry."


def _cause(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).splitlines()[0] if str(original) else type(original).__name__
