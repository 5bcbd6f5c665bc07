"""The database opens, migrates, keeps what was committed and says plainly what is wrong."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from sitechat.errors import Unavailable
from sitechat.storage.engine import Database
from sitechat.storage.migrations import HEAD, alembic_config
from sitechat.storage.tables import Base, GenerationRow


async def test_migrations_and_tables_describe_the_same_schema(db: Database) -> None:
    engine = create_engine(f"sqlite:///{db.path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_the_revision_that_counts_as_newest_is_alembic_s() -> None:
    assert ScriptDirectory.from_config(alembic_config(Path("any.db"))).get_current_head() == HEAD


async def test_a_database_of_the_first_release_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    command.upgrade(alembic_config(path), "0001")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        base = "INSERT INTO knowledge_bases (id, name, description, owner_id, access, sample_questions, created_at, "
        connection.execute(text(base + "updated_at) VALUES ('k', 'Old', '', 'local', '[]', '[]', 0, 0)"))
        document = (
            "INSERT INTO documents (id, knowledge_base_id, owner_id, access, uri, title, media_type, blob, recipe, "
            "text, pages, chunk_count, size, read_at, created_at, updated_at) "
        )
        values = "VALUES ('d', 'k', 'local', '[]', 'file:a', 'A', 'text/plain', 'b', '1', 'Text.', '[]', 0, 5, 0, 0, 0)"
        connection.execute(text(document + values))
    engine.dispose()
    db = await Database.open(path)
    async with db.read() as session:
        row = (await session.execute(text("SELECT title, flags, validators, fingerprint FROM documents"))).one()
    assert tuple(row) == ("A", "[]", "{}", None)
    await db.close()


async def test_opening_twice_keeps_everything(db: Database) -> None:
    async with db.write() as session:
        session.add(GenerationRow(embedding="local/x", dimension=3, state="active"))
    again = await Database.open(db.path)
    async with again.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM generations"))).scalar_one() == 1
    await again.close()


async def test_readers_and_writers_of_a_new_database_may_come_at_once(tmp_path: Path) -> None:
    async def read(db: Database) -> object:
        async with db.read() as session:
            return (await session.execute(text("PRAGMA journal_mode"))).scalar_one()

    async def write(db: Database) -> object:
        async with db.write() as session:
            return (await session.execute(text("PRAGMA journal_mode"))).scalar_one()

    for number in range(10):
        db = await Database.open(tmp_path / f"{number}.db")
        assert set(await asyncio.gather(read(db), write(db), read(db), read(db))) == {"wal"}
        await db.close()


async def test_a_transaction_that_raises_leaves_nothing(db: Database) -> None:
    async def write_and_fail() -> None:
        async with db.write() as session:
            session.add(GenerationRow(embedding="local/x", dimension=3, state="active"))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()
    async with db.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM generations"))).scalar_one() == 0


async def test_many_writers_queue_instead_of_failing(db: Database) -> None:
    async def write(number: int) -> None:
        async with db.write() as session:
            session.add(GenerationRow(embedding=f"local/{number}", dimension=3, state="building"))

    await asyncio.gather(*(write(number) for number in range(30)))
    async with db.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM generations"))).scalar_one() == 30


async def test_settings_that_keep_rows_through_a_power_cut_are_on(db: Database) -> None:
    async with db.read() as session:
        values = [
            (await session.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert values == ["wal", 2, 1]


async def test_a_damaged_file_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "sitechat.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(Unavailable) as refused:
        await Database.open(path)
    assert "restore it from a backup" in refused.value.message


async def test_a_database_of_a_newer_version_is_left_alone_with_a_sentence(db: Database) -> None:
    async with db.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer SiteChat"):
        await Database.open(db.path)
