"""A bucket read over the wire: what becomes a document, what is asked again, and how it fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitechat.errors import Forbidden
from sitechat.identity import LOCAL
from sitechat.ingestion.service import IngestionService
from sitechat.progress import ItemRecord, ProgressRecord
from sitechat.settings import Settings
from tests.fixtures import documents
from tests.servers.s3_wire import S3Wire
from tests.support.library import Library, open_library

TEXT = b"Otters hold hands while they sleep."


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Wire]:
    with S3Wire({"papers/otters.txt": TEXT}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.origin)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOFTHETEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield server


def allowing(folder: Path, *buckets: str, max_file_mb: int = 1) -> Settings:
    listed = ",".join(buckets)
    return Settings(data_dir=folder / "data", sample=False, s3_buckets=listed, max_file_mb=max_file_mb, _env_file=None)


async def read(library: Library, address: str) -> tuple[ProgressRecord, list[ItemRecord]]:
    base = await library.base()
    job_id = await library.ingestion.add_bucket(LOCAL, base.id, address)
    record = await library.ended(job_id)
    return record, await library.ingestion.items(LOCAL, job_id)


def ends(items: list[ItemRecord]) -> dict[str, str]:
    return {item.name: item.outcome or item.cause for item in items}


async def test_the_objects_of_a_bucket_become_documents(s3: S3Wire, tmp_path: Path) -> None:
    s3.page = 2
    s3.objects |= {
        "papers/a/handbook.docx": documents.word(),
        "papers/a/": b"",
        "papers/a/.hidden.txt": TEXT,
        "papers/a/Größe & mehr+100%.txt": TEXT + b" Much more.",
        "papers/b/film.mp4": b"0",
        "papers/b/large.txt": bytes(1_000_001),
        "papers/packed.zip": documents.archive({"in/side.txt": TEXT}),
    }
    async with open_library(tmp_path, settings=allowing(tmp_path, "papers")) as library:
        record, items = await read(library, "s3://papers")
        assert record.status == "completed"
        assert ends(items) == {
            "s3://papers": "looked through",
            "papers/a/Größe & mehr+100%.txt": "indexed",
            "papers/a/handbook.docx": "indexed",
            "papers/b/film.mp4": "unsupported",
            "papers/b/large.txt": "too_large",
            "papers/otters.txt": "indexed",
            "papers/packed.zip": "looked through",
            "papers/packed.zip/in/side.txt": "indexed",
        }
        assert "s3://papers/a/Größe & mehr+100%.txt" in await library.uris()
        assert "s3://papers/packed.zip/in/side.txt" in await library.uris()
        assert s3.signed_with == {"AKIDOFTHETEST"}


async def test_reading_again_downloads_only_what_has_changed(s3: S3Wire, tmp_path: Path) -> None:
    s3.objects["papers/herons.txt"] = b"Herons stand still."
    async with open_library(tmp_path, settings=allowing(tmp_path, "papers")) as library:
        record, _ = await read(library, "s3://papers/")
        s3.objects["papers/herons.txt"] = b"Herons wait."
        s3.asked.clear()
        again = await library.again(record.id)
        await library.ended(again)
        assert ends(await library.ingestion.items(LOCAL, again)) == {
            "s3://papers": "looked through",
            "papers/herons.txt": "indexed",
            "papers/otters.txt": "unchanged",
        }
        assert sorted(s3.asked[1:]) == ["GET papers/herons.txt 200", "GET papers/otters.txt 304"]


async def test_an_object_that_is_gone_is_marked_as_missing(s3: S3Wire, tmp_path: Path) -> None:
    async with open_library(tmp_path, settings=allowing(tmp_path, "papers")) as library:
        await read(library, "s3://papers")
        s3.vanishing.add("papers/otters.txt")
        _, items = await read(library, "s3://papers")
        assert ends(items)["papers/otters.txt"] == "not_found"
        base = await library.base()
        (document,) = await library.knowledge.documents(LOCAL, base.id)
        assert document.missing_since is not None


async def test_trouble_that_passes_is_waited_out(s3: S3Wire, tmp_path: Path) -> None:
    s3.trouble = 2
    async with open_library(tmp_path, settings=allowing(tmp_path, "papers")) as library:
        record, items = await read(library, "s3://papers")
        assert record.status == "completed"
        assert ends(items)["papers/otters.txt"] == "indexed"
        assert [line.rpartition(" ")[2] for line in s3.asked[:2]] == ["503", "503"]


async def test_a_listing_that_breaks_off_goes_on_where_it_was(s3: S3Wire, tmp_path: Path) -> None:
    s3.page = 2
    s3.objects |= {f"papers/{n}.txt": TEXT + str(n).encode() for n in range(5)}
    s3.stumbles = {"3.txt"}
    async with open_library(tmp_path, settings=allowing(tmp_path, "papers")) as library:
        record, items = await read(library, "s3://papers")
        assert (record.status, len(items)) == ("completed", 7)
        assert [line for line in s3.asked if line.startswith("LIST")] == [
            "LIST papers after '' 200",
            "LIST papers after '1.txt' 200",
            "LIST papers after '3.txt' 503",
            "LIST papers after '3.txt' 200",
        ]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://nowhere", "There is no bucket “nowhere”"),
        ("s3://denied", "may not read this in “denied”; it needs s3:ListBucket"),
        ("s3://papers/empty/", "There is nothing to read in it"),
    ],
)
async def test_a_bucket_that_cannot_be_read_says_why(s3: S3Wire, tmp_path: Path, address: str, reason: str) -> None:
    settings = allowing(tmp_path, "papers", "nowhere", "denied")
    async with open_library(tmp_path, settings=settings) as library:
        _, (item,) = await read(library, address)
        assert item.state in ("failed", "skipped")
        assert reason in item.reason
        assert len(s3.asked) == 1


async def test_an_object_that_cannot_be_read_says_why(s3: S3Wire, tmp_path: Path) -> None:
    s3.objects |= {"papers/old.archived.txt": TEXT, "papers/cut.broken.txt": TEXT}
    async with open_library(tmp_path, settings=allowing(tmp_path, "papers")) as library:
        _, items = await read(library, "s3://papers")
        reasons = {item.name: (item.state, item.reason) for item in items if item.state != "completed"}
        assert reasons == {
            "papers/old.archived.txt": ("skipped", "It is archived in S3; restore it there and read the bucket again."),
            "papers/cut.broken.txt": ("failed", "The connection to S3 could not be made or broke off."),
        }


async def test_without_credentials_nothing_is_asked_and_it_says_what_to_set(
    s3: S3Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    async with open_library(tmp_path, settings=allowing(tmp_path, "papers")) as library:
        _, (item,) = await read(library, "s3://papers")
        assert (item.state, item.cause) == ("failed", "refused")
        assert "no AWS credentials" in item.reason
        assert s3.asked == []


async def test_what_is_not_listed_is_neither_begun_nor_read_later(s3: S3Wire, tmp_path: Path) -> None:
    s3.objects |= {"papers/open/a.txt": TEXT, "papers/openly/b.txt": TEXT}
    async with open_library(tmp_path, settings=allowing(tmp_path, "papers/open")) as library:
        with pytest.raises(Forbidden, match="SITECHAT_S3_BUCKETS"):
            await read(library, "s3://papers")
        _, items = await read(library, "s3://papers/open")
        assert ends(items) == {"s3://papers/open": "looked through", "papers/open/a.txt": "indexed"}
        base = await library.base()
        ingestion: IngestionService = library.ingestion
        await ingestion.close()
        job_id = await ingestion.add_bucket(LOCAL, base.id, "s3://papers/open")
    s3.asked.clear()
    async with open_library(tmp_path, settings=allowing(tmp_path)) as library:
        await library.ended(job_id)
        (item,) = await library.ingestion.items(LOCAL, job_id)
        assert (item.state, item.cause) == ("failed", "refused")
        assert s3.asked == []
        assert await library.uris() == ["s3://papers/open/a.txt"]
