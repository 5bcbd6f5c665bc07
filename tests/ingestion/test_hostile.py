"""Documents made to do harm end soon, with a reason, and cost neither memory nor the next document."""

import gzip
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from sitechat.ingestion import cpu_budget
from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.fetch import Fetcher
from sitechat.ingestion.fetch_errors import PageTooLarge
from sitechat.ingestion.formats.base import (
    Empty,
    Encrypted,
    HoldsFiles,
    NotExtracted,
    TooLarge,
    TooSlow,
    Unreadable,
)
from tests.fixtures import documents
from tests.fixtures.documents import archive, raw_pdf, word_parts
from tests.fixtures.web import LeadingNetwork, Names, WebServer, response
from tests.support.memory import MemoryWatch

PARAGRAPH = "<w:p><w:r><w:t>a</w:t></w:r></w:p>"
CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
ONE_PAGE = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
FONT = b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]%s/Contents 4 0 R>>" % FONT
SECONDS = 30
MEGABYTES = 50


@pytest.fixture
async def pool() -> AsyncIterator[ExtractionPool]:
    pool = ExtractionPool()
    await pool.warm()
    yield pool
    await pool.close()


@pytest.fixture
def memory() -> Iterator[MemoryWatch]:
    with MemoryWatch() as watch:
        yield watch


def word(body: str, declaration: str = "") -> bytes:
    return archive(word_parts(body, declaration))


def word_with_entities(declarations: str, text: str) -> bytes:
    return word(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>", f"<!DOCTYPE d [{declarations}]>")


def laughs() -> bytes:
    """Each name stands for ten of the one before."""
    names = "".join(f'<!ENTITY n{n} "{f"&n{n - 1};" * 10}">' for n in range(1, 10))
    return word_with_entities('<!ENTITY n0 "ha">' + names, "&n9;")


def long_entity() -> bytes:
    return word_with_entities(f'<!ENTITY n "{"x" * 40_000}">', "&n;" * 40_000)


def with_stream(data: bytes, filters: bytes) -> bytes:
    content = b"<</Length %d/Filter[%s]>>stream\n" % (len(data), filters) + data + b"\nendstream"
    return raw_pdf(CATALOG, ONE_PAGE, PAGE, content)


def zip_in_zip() -> bytes:
    inner = archive({"a.txt": bytes(5_000_000)})
    for _ in range(5):
        inner = archive({f"{n}.zip": inner for n in range(5)})
    return inner


MANY_MEMBERS = {"[Content_Types].xml": "<Types/>", **{f"word/{n}.xml": "" for n in range(20_001)}}

REFUSED: list[tuple[str, Callable[[], bytes], type[NotExtracted]]] = [
    ("paragraphs.docx", lambda: word(PARAGRAPH * 210_000), TooLarge),
    ("unpacks.docx", lambda: word(f"<w:p><w:r><w:t>{'a' * (201 << 20)}</w:t></w:r></w:p>"), TooLarge),
    ("entities.docx", laughs, Unreadable),
    ("entity.docx", long_entity, Unreadable),
    ("deep.docx", lambda: word("<w:tbl><w:tr><w:tc>" * 5000 + "</w:tc></w:tr></w:tbl>" * 5000), Unreadable),
    ("nested.zip", zip_in_zip, HoldsFiles),
    ("climbing.zip", lambda: archive({"../../../etc/cron.d/x": "x", "/abs": "x"}), HoldsFiles),
    ("members.docx", lambda: archive(MANY_MEMBERS), TooLarge),
    ("locked.pdf", lambda: documents.encrypted_pdf("secret", "secret"), Encrypted),
    ("page-tree.pdf", lambda: raw_pdf(CATALOG, b"<</Type/Pages/Count 1/Kids[2 0 R]>>"), Unreadable),
    ("no-pages.pdf", lambda: raw_pdf(CATALOG, b"<</Type/Pages/Count 0/Kids[]>>"), Unreadable),
    ("array.pdf", lambda: raw_pdf(CATALOG[:-2] + b"/X " + b"[" * 50_000 + b"]" * 50_000 + b">>", ONE_PAGE), Unreadable),
    ("length.pdf", lambda: raw_pdf(CATALOG, ONE_PAGE, PAGE, b"<</Length 4 0 R>>stream\nx\nendstream"), Unreadable),
    ("cut.pdf", lambda: documents.pdf(documents.page("Text."))[:40], Unreadable),
    ("program.pdf", lambda: b"MZ" + bytes(range(256)) * 16, Unreadable),
    ("page.docx", lambda: documents.HTML.replace(b"<!DOCTYPE html>\n<html>", b"<p>"), Unreadable),
    ("deep.html", lambda: b"<div>" * 5000 + b"x", Unreadable),
    ("paragraphs.html", lambda: b"<p>a" * 210_000, TooLarge),
    ("headings.txt", lambda: b"a\n\n" * 210_000, TooLarge),
    ("field.csv", lambda: b'a,"' + b"b," * 6_000_000, Unreadable),
    ("rows.csv", lambda: b"column" * 15 + b",other\n" + b"1,2\n" * 250_000, TooLarge),
    ("nothing.txt", lambda: b"", Empty),
]


@pytest.mark.parametrize(("name", "make", "reason"), REFUSED, ids=[name for name, _, _ in REFUSED])
async def test_a_bomb_is_refused_soon_and_in_a_sentence(
    pool: ExtractionPool,
    memory: MemoryWatch,
    tmp_path: Path,
    name: str,
    make: Callable[[], bytes],
    reason: type[NotExtracted],
) -> None:
    path = tmp_path / name
    path.write_bytes(make())
    memory.reset()
    began = time.monotonic()
    with pytest.raises(reason) as caught:
        await pool.extract(path, name)
    assert time.monotonic() - began < SECONDS
    assert memory.grown < MEGABYTES
    assert memory.largest_child < 2048
    message = getattr(caught.value, "message", "")
    assert message[0].isupper()
    assert message.endswith(".")
    assert "Error" not in message


READ: list[tuple[str, Callable[[], bytes], str]] = [
    ("links.html", lambda: b"".join(b"<a href=/p%d>l</a> " % n for n in range(120_000)), "l l l"),
    ("attribute.html", lambda: b'<p title="' + b"a" * 5_000_000 + b'">Shown.</p>', "Shown."),
    ("nested.html", lambda: b"<div>" * 300 + b"Far inside.", "Far inside."),
    ("comments.html", lambda: b"<!-- x -->" * 800 + b"<p>After them.</p>", "After them."),
    ("brackets.md", lambda: b"[" * 20_000 + b" open", "open"),
    ("tree.json.txt", lambda: b"[" * 50_000, "[["),
    ("called.txt", lambda: documents.pdf(documents.page("A PDF by another name.")), "A PDF by another name."),
    ("marks.txt", lambda: b"High: a" + "\u0301\u0316".encode() * 500_000, "High:"),
    ("formula.csv", lambda: b'=cmd|"/c calc"!A1,@SUM(1)\n', "@SUM"),
    ("count.pdf", lambda: documents.pdf(documents.page("One.")).replace(b"/Count 1", b"/Count 99999999"), "One."),
]


@pytest.mark.parametrize(("name", "make", "text"), READ, ids=[name for name, _, _ in READ])
async def test_what_only_looks_bad_is_read(
    pool: ExtractionPool, memory: MemoryWatch, tmp_path: Path, name: str, make: Callable[[], bytes], text: str
) -> None:
    path = tmp_path / name
    path.write_bytes(make())
    memory.reset()
    assert text in (await pool.extract(path, name)).text
    assert memory.grown < MEGABYTES


async def test_a_document_cannot_read_files_of_this_machine(pool: ExtractionPool, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("The password is swordfish.")
    entity = f'<!ENTITY x SYSTEM "{secret.as_uri()}">'
    page = f"<?xml version='1.0'?><!DOCTYPE html [{entity}]><html><body><p>A page. &x;</p></body></html>"
    for name, data in (("a.docx", word_with_entities(entity, "A page. &x;")), ("a.xhtml", page.encode())):
        path = tmp_path / name
        path.write_bytes(data)
        text = (await pool.extract(path, name)).text
        assert "A page." in text
        assert "swordfish" not in text


async def test_packed_streams_of_a_pdf_do_not_unpack_without_end(
    pool: ExtractionPool, memory: MemoryWatch, tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(with_stream(zlib.compress(zlib.compress(bytes(200 << 20), 9), 9), b"/FlateDecode/FlateDecode"))
    with pytest.raises(NotExtracted):
        await pool.extract(path, "a.pdf")
    assert memory.largest_child < 1024


@pytest.fixture
async def hasty() -> AsyncIterator[ExtractionPool]:
    pool = ExtractionPool(cpu_seconds=1)
    yield pool
    await pool.close()


async def test_a_file_that_does_not_get_on_is_stopped_and_the_next_one_read(
    hasty: ExtractionPool, tmp_path: Path
) -> None:
    slow, next_one = tmp_path / "a.pdf", tmp_path / "b.txt"
    slow.write_bytes(with_stream(zlib.compress(b"BT /F1 9 Tf 1 1 Td (a) Tj ET\n" * 200_000), b"/FlateDecode"))
    next_one.write_text("Next.")
    with pytest.raises(TooSlow, match="did not get on"):
        await hasty.extract(slow, "a.pdf")
    assert (await hasty.extract(next_one, "b.txt")).text == "Next."


BUSY = """
import sys, time
from sitechat.ingestion import cpu_budget
cpu_budget.begin(0.6)
for _ in range(6):
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    cpu_budget.earn(float(sys.argv[1]))
"""


@pytest.mark.parametrize(("earned", "ends_with"), [("0.3", 0), ("5", 0), ("0.01", -cpu_budget.ENDS_WITH)])
def test_whoever_gets_on_may_go_on(earned: str, ends_with: int) -> None:
    """A long book takes long, page by page; a page that never ends does not."""
    assert subprocess.run([sys.executable, "-c", BUSY, earned], check=False).returncode == ends_with


def test_what_was_earned_cannot_be_saved_up() -> None:
    code = BUSY.replace("0.3", "0.01") + "while True: pass"
    assert subprocess.run([sys.executable, "-c", code, "100"], check=False, timeout=20).returncode < 0


def test_nothing_is_earned_where_no_budget_runs() -> None:
    """As in a process that reads a file by itself: it is not to be killed for that."""
    code = "from sitechat.ingestion import cpu_budget as b; b.earn(0.01); b.begin(9); b.end(); b.earn(0.01)\n"
    code += "import time\nwhile time.process_time() < 1: pass"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_packed_page_is_stopped_long_before_it_fills_the_memory(encoding: str, memory: MemoryWatch) -> None:
    packed = (gzip.compress if encoding == "gzip" else zlib.compress)(bytes(90_000_000))
    answers = {"/": response(packed, content_encoding=encoding)}
    async with WebServer(answers) as server:
        fetcher = Fetcher(resolve=Names(site_example=[["1.1.1.1"]]), network=LeadingNetwork(server.port))
        memory.reset()
        with pytest.raises(PageTooLarge, match="unpacks to far more"):
            await fetcher.fetch("http://site.example/")
        await fetcher.close()
    assert memory.grown < MEGABYTES


async def test_a_page_that_packs_well_is_still_read() -> None:
    """The same line over and over, with its number: as logs and tables have it."""
    page = b"".join(b"<tr><td>%d</td><td>nothing to report</td></tr>" % n for n in range(250_000))
    async with WebServer({"/": response(gzip.compress(page), content_encoding="gzip")}) as server:
        fetcher = Fetcher(resolve=Names(site_example=[["1.1.1.1"]]), network=LeadingNetwork(server.port))
        assert (await fetcher.fetch("http://site.example/")).data == page
        await fetcher.close()
