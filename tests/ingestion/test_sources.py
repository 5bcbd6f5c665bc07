"""What can be read again: found anew, read again, and what each reading says of what has gone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import update

from sitechat.changes import ChangeReport
from sitechat.errors import NotFound
from sitechat.identity import LOCAL, Caller
from sitechat.ingestion.site.plan import site
from sitechat.ingestion.uploads import Upload
from sitechat.settings import Settings
from sitechat.storage.tables import DocumentRow, now
from tests.support.library import Library, open_library

STRANGER = Caller("somebody else")


def prose(word: str, paragraphs: int = 1) -> str:
    """Text like no other, so that no page counts as a copy of another."""
    return "\n\n".join(
        " ".join(
            f"{word.capitalize()} {verb} {word} {n} {word}{n} and {word}{verb}." for verb in ("seek", "find", "eat")
        )
        + f" {word} " * 60
        for n in range(paragraphs)
    )


@dataclass
class Small:
    """A website whose pages are set by tests: the first one links to those of ``linked``."""

    pages: dict[str, str] = field(default_factory=dict)
    linked: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    origin: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        response = self._answer(request)
        self.asked.append((request.path, response.status))
        return response

    def _answer(self, request: web.Request) -> web.Response:
        path = request.path
        if path in self.statuses:
            return web.Response(status=self.statuses[path])
        if path != "/" and path not in self.pages:
            return web.Response(status=404)
        links = "".join(f'<a href="{each}">{each[1:]}</a> ' for each in self.linked) if path == "/" else ""
        words = self.pages.get(path, prose("home"))
        body = "".join(f"<p>{part}</p>" for part in words.split("\n\n"))
        text = f"<html><head><title>{path}</title></head><body><main><h1>{path}</h1>{body}{links}</main></body></html>"
        etag = f'"{hash(text)}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(text=text, content_type="text/html", headers={"ETag": etag})


@asynccontextmanager
async def served(*words: str) -> AsyncIterator[Small]:
    small = Small({f"/{word}": prose(word) for word in words}, [f"/{word}" for word in words])
    app = web.Application()
    app.router.add_get("/{path:.*}", small.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    small.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield small
    finally:
        await runner.cleanup()


def settings(folder: Path, grace_days: int = 7) -> Settings:
    return Settings(
        data_dir=folder / "data", allow_networks="127.0.0.0/8", site_pause=0, sample=False, grace_days=grace_days,
        _env_file=None,
    )  # fmt: skip


async def again(library: Library) -> ChangeReport:
    """Read the only source again; what that changed."""
    (source,) = await library.ingestion.sources.of(LOCAL, (await library.base()).id)
    job = await library.ingestion.sources.sync(LOCAL, source.id)
    await library.ended(job)
    return await library.ingestion.sources.changes(LOCAL, job)


async def read_site(library: Library, small: Small, max_pages: int = 100, max_depth: int = 20) -> ChangeReport:
    job = await library.ingestion.add_site(
        LOCAL, (await library.base()).id, site(small.origin, max_pages=max_pages, max_depth=max_depth)
    )
    await library.ended(job)
    return await library.ingestion.sources.changes(LOCAL, job)


async def missing(library: Library) -> list[str]:
    documents = await library.knowledge.documents(LOCAL, (await library.base()).id)
    return sorted(document.uri.rpartition("/")[2] for document in documents if document.missing_since)


async def names(library: Library) -> list[str]:
    return [uri.rpartition("/")[2] for uri in await library.uris()]


async def days_pass(library: Library, days: int) -> None:
    """What is missing has been so for longer."""
    async with library.db.write() as tx:
        where = DocumentRow.missing_since.is_not(None)
        at = now() - timedelta(days=days)
        await tx.execute(update(DocumentRow).where(where).values(missing_since=at, read_at=at))


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, "utf-8")
    return folder


def kinds(report: ChangeReport) -> list[tuple[str, str]]:
    """What became of which page or file; the first page of a site (which lists the others) is left out."""
    found = [(change.kind, change.name.rpartition("/")[2]) for change in report.changes]
    return [(kind, name) for kind, name in found if name]


# Sources


async def test_the_same_place_is_one_source_however_often_it_is_added(library: Library, tmp_path: Path) -> None:
    base = await library.base()
    folder = write(tmp_path / "docs", a=prose("otters"))
    await library.ingest(folder)
    await library.ingest(folder)
    for address in ("example.org/a#part", "https://EXAMPLE.org/a"):
        await library.ingestion.cancel(LOCAL, await library.ingestion.add_url(LOCAL, base.id, address))
    for pages in (5, 9):
        scope = site("https://example.org", max_pages=pages)
        await library.ingestion.cancel(LOCAL, await library.ingestion.add_site(LOCAL, base.id, scope))
    await library.ended(await library.ingestion.add_uploads(LOCAL, base.id, [Upload("b.md", b"# B\n\nText.")]))
    sources = await library.ingestion.sources.of(LOCAL, base.id)
    assert [(source.kind, source.name) for source in sources] == [
        ("files", str(folder)),
        ("url", "https://example.org/a"),
        ("site", "https://example.org/"),
    ]
    assert sources[2].plan["max_pages"] == 9
    assert (sources[0].documents, sources[0].missing) == (1, 0)
    assert sources[0].read_at is not None


async def test_a_reading_that_goes_on_is_not_begun_twice(tmp_path: Path) -> None:
    async with open_library(tmp_path, serving=False) as library:
        base = await library.base()
        job = await library.ingestion.add_paths(LOCAL, base.id, [write(tmp_path / "docs", a="A.")])
        (source,) = await library.ingestion.sources.of(LOCAL, base.id)
        assert await library.ingestion.sources.sync(LOCAL, source.id) == job == source.open_job_id


async def test_a_source_is_its_owner_s(library: Library, tmp_path: Path) -> None:
    await library.ingest(write(tmp_path / "docs", a=prose("otters")))
    base = await library.base()
    service = library.ingestion.sources
    (source,) = await service.of(LOCAL, base.id)
    assert source.last_job_id is not None
    for attempt in (
        service.of(STRANGER, base.id),
        service.sync(STRANGER, source.id),
        service.schedule(STRANGER, source.id, None),
        service.remove(STRANGER, source.id, with_documents=True),
        service.changes(STRANGER, source.last_job_id),
    ):
        with pytest.raises(NotFound):
            await attempt


@pytest.mark.parametrize("with_documents", [True, False])
async def test_a_source_goes_with_its_documents_or_without(
    library: Library, tmp_path: Path, with_documents: bool
) -> None:
    folder = write(tmp_path / "docs", a=prose("otters"), b=prose("herons"))
    await library.ingest(folder)
    (folder / "b.md").unlink()
    await again(library)
    assert await missing(library) == ["b.md"]
    (source,) = await library.ingestion.sources.of(LOCAL, (await library.base()).id)
    await library.ingestion.sources.remove(LOCAL, source.id, with_documents=with_documents)
    assert await library.ingestion.sources.of(LOCAL, (await library.base()).id) == []
    assert await names(library) == ([] if with_documents else ["a.md", "b.md"])
    assert await missing(library) == []
    await library.indexes.catch_up()
    assert (library.indexes.counts()[0] > 0) is not with_documents


# What a reading changed


async def test_a_reading_tells_what_is_new_changed_and_gone(library: Library, tmp_path: Path) -> None:
    folder = write(tmp_path / "docs", a=prose("otters", 8), b=prose("herons"), c=prose("badgers"))
    await library.ingest(folder)
    write(folder, a=prose("otters", 8) + "\n\nA new last paragraph about rivers.", d=prose("foxes"))
    (folder / "c.md").unlink()
    library.embedder.texts.clear()
    report = await again(library)
    assert report.summary == "1 new, 1 changed, 1 unchanged, 1 gone"
    assert kinds(report) == [("added", "d.md"), ("changed", "a.md"), ("missing", "c.md")]
    changed = next(change for change in report.changes if change.kind == "changed")
    new = next(change for change in report.changes if change.kind == "added")
    assert len(library.embedder.texts) == changed.passages + new.passages
    assert changed.passages == 1
    assert "7 days" in report.changes[2].reason
    nothing = await again(library)
    assert nothing.summary == "3 unchanged", "what was missing before is no news"


async def test_a_page_that_only_looks_different_has_not_changed(tmp_path: Path) -> None:
    async with served("otters") as small, open_library(tmp_path, settings=settings(tmp_path)) as library:
        await read_site(library, small)
        small.linked.append("/nowhere")  # another link on the first page, the same text around it
        report = await again(library)
        assert (report.added, report.changed, report.unchanged) == (0, 1, 1)


async def test_a_single_page_that_has_not_changed_costs_a_question(tmp_path: Path) -> None:
    async with served("otters") as small, open_library(tmp_path, settings=settings(tmp_path)) as library:
        base = await library.base()
        await library.ended(await library.ingestion.add_url(LOCAL, base.id, f"{small.origin}/otters"))
        small.asked.clear()
        assert (await again(library)).summary == "1 unchanged"
        assert small.asked == [("/otters", 304)]
        small.pages["/otters"] = prose("herons")
        assert (await again(library)).summary == "1 changed"
        assert small.asked[-1] == ("/otters", 200)


# What is gone


async def test_what_is_gone_is_marked_removed_after_its_grace_and_welcome_back(tmp_path: Path) -> None:
    async with (
        served("otters", "herons", "badgers", "foxes") as small,
        open_library(tmp_path, settings=settings(tmp_path)) as library,
    ):
        assert (await read_site(library, small)).summary == "5 new"
        kept = small.pages.pop("/otters")  # answers 404, but is still linked
        small.linked.remove("/herons")  # is there, but nothing leads to it
        assert (await again(library)).missing == 2
        assert await missing(library) == ["herons", "otters"]
        small.pages["/otters"] = kept
        assert (await again(library)).missing == 0
        assert await missing(library) == ["herons"]
        await days_pass(library, 6)
        await library.ingestion.sources.expire(now())
        assert "herons" in await names(library)
        await days_pass(library, 8)
        report = await again(library)
        assert kinds(report) == [("removed", "herons")]
        assert "herons" not in await names(library)
        assert library.indexes.counts()[0] == 4


async def test_grace_ends_without_another_reading(library: Library, tmp_path: Path) -> None:
    folder = write(tmp_path / "docs", a=prose("otters"), b=prose("herons"))
    await library.ingest(folder)
    (folder / "b.md").unlink()
    report = await again(library)
    await days_pass(library, 8)
    await library.ingestion.sources.expire(now())
    assert await names(library) == ["a.md"]
    after = await library.ingestion.sources.changes(LOCAL, report.id)
    assert (after.missing, after.removed) == (1, 1), "the last report tells of it"


async def test_without_grace_what_is_surely_gone_goes_at_once(tmp_path: Path) -> None:
    async with (
        served("otters", "herons", "badgers") as small,
        open_library(tmp_path, settings=settings(tmp_path, grace_days=0)) as library,
    ):
        await read_site(library, small)
        small.statuses["/otters"] = 410
        small.linked.remove("/herons")
        report = await again(library)
        assert kinds(report) == [("missing", "herons"), ("removed", "otters")]
        assert kinds(await again(library)) == [("removed", "herons")], "not met twice"


async def test_a_single_page_that_is_gone_is_marked(tmp_path: Path) -> None:
    async with served("otters") as small, open_library(tmp_path, settings=settings(tmp_path)) as library:
        base = await library.base()
        await library.ended(await library.ingestion.add_url(LOCAL, base.id, f"{small.origin}/otters"))
        small.statuses["/otters"] = 500
        assert (await again(library)).failed == 1
        assert await missing(library) == []
        small.statuses["/otters"] = 404
        report = await again(library)
        assert report.summary == "1 gone"
        assert report.changes[0].reason == "The page answered 404 Not Found."
        assert await missing(library) == ["otters"]


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("start", "Its first page could not be read"),
        ("most", "More than half of it could not be read"),
        ("pages", "It reached its limit of pages or time"),
        ("cancelled", "It was cancelled"),
    ],
)
async def test_a_reading_that_did_not_see_everything_misses_nothing(tmp_path: Path, trouble: str, told: str) -> None:
    async with (
        served("otters", "herons", "badgers", "foxes") as small,
        open_library(tmp_path, settings=settings(tmp_path)) as library,
    ):
        await read_site(library, small)
        small.linked.remove("/foxes")
        if trouble == "start":
            small.statuses["/"] = 403
        elif trouble == "most":
            small.statuses |= {"/otters": 403, "/herons": 403, "/badgers": 403}
        base = await library.base()
        if trouble == "cancelled":
            small.statuses["/badgers"] = 503  # is asked for again and again
            job = await library.ingestion.add_site(LOCAL, base.id, site(small.origin))
            async for record in library.ingestion.watch(LOCAL, job):
                if record.processed_files >= 3:
                    break
            await library.ingestion.cancel(LOCAL, job)
            report = await library.ingestion.sources.changes(LOCAL, job)
        else:
            report = await read_site(library, small, max_pages=2 if trouble == "pages" else 100)
        assert told in report.note
        assert await missing(library) == []
        assert len(await names(library)) == 5


async def test_pages_beyond_the_limit_of_links_are_not_missing_but_gone_ones_are(tmp_path: Path) -> None:
    async with (
        served("otters", "herons", "badgers") as small,
        open_library(tmp_path, settings=settings(tmp_path)) as library,
    ):
        await read_site(library, small)
        small.pages["/otters"] += '\n\n<a href="/deep">deeper</a>'
        small.linked.remove("/herons")
        small.statuses["/badgers"] = 404
        report = await read_site(library, small, max_depth=1)
        assert "limit of links" in report.note
        assert await missing(library) == ["badgers"]


async def test_a_folder_that_cannot_be_seen_misses_nothing(library: Library, tmp_path: Path) -> None:
    """A disk that is not mounted is an absent or an empty folder."""
    folder = write(tmp_path / "docs", a=prose("otters"))
    write(folder / "deep", b=prose("herons"))
    other = write(tmp_path / "other", c=prose("badgers"), d=prose("foxes"))
    await library.ingest(folder, other)
    folder.rename(tmp_path / "away")
    (other / "d.md").unlink()
    assert (await again(library)).missing == 1
    assert await missing(library) == ["d.md"]
    folder.mkdir()
    assert (await again(library)).missing == 0
    folder.rmdir()
    (tmp_path / "away").rename(folder)
    assert (await again(library)).summary == "3 unchanged"


async def test_a_folder_of_which_nothing_readable_is_left_has_lost_it(library: Library, tmp_path: Path) -> None:
    folder = write(tmp_path / "docs", a=prose("otters"))
    await library.ingest(folder)
    (folder / "a.md").rename(folder / "a.bin")
    assert (await again(library)).missing == 1


async def test_what_a_retry_finds_is_not_missing_any_more(tmp_path: Path) -> None:
    async with (
        served("otters", "herons", "badgers") as small,
        open_library(tmp_path, settings=settings(tmp_path)) as library,
    ):
        small.pages["/otters"] += '\n\n<a href="/foxes">foxes</a>'
        small.pages["/foxes"] = prose("foxes")
        await read_site(library, small)
        small.statuses["/otters"] = 403
        report = await again(library)
        assert await missing(library) == ["foxes"]
        del small.statuses["/otters"]
        await library.ingestion.retry_failed(LOCAL, report.id)
        await library.ended(report.id)
        assert await missing(library) == []
        assert (await library.ingestion.sources.changes(LOCAL, report.id)).summary == "5 unchanged"
