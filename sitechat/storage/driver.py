"""SQLite's driver as SQLAlchemy calls it: ``aiosqlite``, with one visit to the connection's thread a statement.

The driver alone goes to its thread and back four times a statement: to open a cursor, to execute, to fetch and to
close. Each of these waits for the interpreter's lock, which is what a busy server is short of.
"""

import functools
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Self

import aiosqlite


class Connection(aiosqlite.Connection):
    """An ``aiosqlite`` connection whose cursors are :class:`Cursor`."""

    def cursor(self) -> "Cursor":  # type: ignore[override]  # theirs is a coroutine that opens one in the thread
        return Cursor(self)

    async def visit(self, function: Callable[[], None]) -> None:
        """Run ``function`` in the connection's thread."""
        await self._execute(function)  # type: ignore[no-untyped-call]


class Cursor:
    """What SQLAlchemy's adapter needs of a cursor. Rows are fetched with the statement that makes them."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> None:
        await self._connection.visit(functools.partial(self._run, sqlite3.Cursor.execute, operation, parameters))

    async def executemany(self, operation: str, parameters: Sequence[Sequence[Any]]) -> None:
        await self._connection.visit(functools.partial(self._run, sqlite3.Cursor.executemany, operation, parameters))

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []

    def _run(self, execute: Any, operation: str, parameters: Any) -> None:
        cursor = self._connection._conn.cursor()
        try:
            execute(cursor, operation, parameters)
            self._rows = cursor.fetchall() if cursor.description else []
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


def connect(path: str, **options: Any) -> Connection:
    """For SQLAlchemy's ``async_creator_fn``: a connection that is open once awaited."""
    connection = Connection(functools.partial(sqlite3.connect, path, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # the process may end without waiting for it
    return connection
