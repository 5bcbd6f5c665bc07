"""The database opens, migrates, keeps what was committed and says plainly what is wrong."""

import asyncio
import functools
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from sitechat.errors import Unavailable
from sitechat.identity import Caller
from sitechat.storage.engine import Database
from sitechat.storage.migrations import HEAD, alembic_config
from sitechat.storage.sources import SourcesStore
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


async def test_sites_and_pages_that_were_read_before_are_sources_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    command.upgrade(alembic_config(path), "0002")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        fill = functools.partial(_insert, connection)
        fill("knowledge_bases", id="k", name="Old", description="", owner_id="me", access="[]", sample_questions="[]")
        for name, uri in (("d1", "https://x.test/"), ("d2", "https://x.test/page"), ("d3", "file:a.md")):
            fill("documents", id=name, knowledge_base_id="k", owner_id="me", access="[]", uri=uri, title=name,
                 media_type="text/html", blob="b", recipe="1", text="T", pages="[]", chunk_count=0, size=1,
                 read_at=0)  # fmt: skip
        plan = '{"start": "https://x.test/", "max_pages": %d}'
        for at, (job, kind, its) in enumerate(
            [("s1", "site", plan % 5), ("s2", "site", plan % 9), ("u", "url", None), ("f", "files", None)]
        ):
            fill("jobs", id=job, knowledge_base_id="k", owner_id="me", kind=kind, state="completed", plan=its,
                 error="", busy_seconds=0,
                 created_at=f"2026-01-01 00:00:0{at}.000000")  # fmt: skip
        for job, uri, document in (
            ("s1", "https://x.test/", "d1"),
            ("s2", "https://x.test/", "d1"),
            ("u", "https://x.test/page", "d2"),
            ("f", "file:a.md", "d3"),
        ):
            fill("items", id=f"i{job}", job_id=job, knowledge_base_id="k", ordinal=0, name=uri, uri=uri, locator="",
                 state="completed", stage="complete", reason="", attempts=1, failures=0, size=1, weight=1,
                 chunks_total=0, chunks_done=0, batches_total=0, batches_done=0, document_id=document)  # fmt: skip
    engine.dispose()
    db = await Database.open(path)
    sources = {source.kind: source for source in await SourcesStore(db).of(Caller("me"), "k")}
    assert set(sources) == {"site", "url"}
    site, page = sources["site"], sources["url"]
    assert (site.name, site.plan["max_pages"], site.last_job_id, site.documents) == ("https://x.test/", 9, "s2", 1)
    assert (page.plan, page.last_job_id, page.documents) == ({"url": "https://x.test/page"}, "u", 1)
    async with db.read() as session:
        jobs = (await session.execute(text("SELECT id, source_id FROM jobs ORDER BY id"))).all()
    assert [tuple(row) for row in jobs] == [("f", None), ("s1", site.id), ("s2", site.id), ("u", page.id)]
    await db.close()


def _insert(connection: Connection, table: str, **values: object) -> None:
    columns = {row[1] for row in connection.execute(text(f"PRAGMA table_info({table})"))}
    values = {name: 0 for name in ("created_at", "updated_at") if name in columns} | values
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


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
