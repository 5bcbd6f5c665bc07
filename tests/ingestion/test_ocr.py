"""Scans and pictures: their text is recognised where Tesseract is installed, and only where there is none."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.formats import ocr
from sitechat.ingestion.formats.base import Empty, NeedsOcr, TooSlow, Unreadable
from sitechat.ingestion.formats.pdf_lines import Line
from sitechat.ingestion.formats.registry import extract
from sitechat.ingestion.gather import reason_to_skip
from tests.fixtures import documents
from tests.fixtures.pictures import joined, picture, png, saved, scanned_pdf
from tests.support.ocr import needs_tesseract

OTTERS = ("Otters hold hands", "while they sleep", "in the river.")


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[ExtractionPool]:
    pool = ExtractionPool()
    yield pool
    await pool.close()


@pytest.fixture(autouse=True)
def anew() -> None:
    ocr._find.cache_clear()


def fake_tesseract(folder: Path, script: str) -> str:
    """A program of that name, first on the path; it knows eng and does ``script`` when asked for a page."""
    program = folder / "tesseract"
    listing = 'if [ "$1" = --list-langs ]; then echo List; echo eng; exit 0; fi'
    program.write_text(f"#!/bin/sh\n{listing}\n{script}\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@needs_tesseract
async def test_a_scan_is_read_page_by_page_in_the_process_that_reads_files(
    pool: ExtractionPool, tmp_path: Path
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scanned_pdf(picture(*OTTERS), picture("Herons stand still.")))
    extracted = await pool.extract(path, "scan.pdf")
    assert "Otters hold hands" in extracted.text
    assert len(extracted.pages) == 2
    assert extracted.text[extracted.pages[1] :].strip() == "Herons stand still."
    assert (extracted.title, extracted.flags) == ("scan", ())


@needs_tesseract
def test_only_pages_without_text_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bytes] = []
    recognise = ocr.recognise

    def noted(data: bytes) -> list[list[Line]]:
        drawn.append(data)
        return recognise(data)

    monkeypatch.setattr(ocr, "recognise", noted)
    text = documents.pdf(documents.page("Badgers dig deep."))
    extracted = extract(joined(text, scanned_pdf(picture(*OTTERS)), text), "mixed.pdf")
    assert len(drawn) == 1
    assert [page for page in ("Badgers", "Otters") if page in extracted.text] == ["Badgers", "Otters"]
    assert extracted.text.index("Badgers") < extracted.text.index("Otters") < extracted.text.rindex("Badgers")


@needs_tesseract
@pytest.mark.parametrize(("form", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("TIFF", "a.tiff"), ("PNG", "a.txt")])
def test_a_picture_of_text_is_read_whatever_it_is_called(form: str, name: str) -> None:
    assert "Otters hold hands" in extract(saved(picture(*OTTERS), form), name).text


@needs_tesseract
def test_each_picture_of_a_tiff_is_a_page() -> None:
    extracted = extract(saved(picture(*OTTERS), "TIFF", picture("Herons stand still.")), "fax.tif")
    assert extracted.text[extracted.pages[1] :].strip() == "Herons stand still."


@needs_tesseract
def test_a_picture_without_text_says_so() -> None:
    with pytest.raises(Empty, match="No text could be recognised"):
        extract(png(" "), "blank.png")
    with pytest.raises(Empty):
        extract(scanned_pdf(picture(" ")), "blank.pdf")


@needs_tesseract
def test_a_damaged_picture_says_so() -> None:
    with pytest.raises(Unreadable, match="probably damaged"):
        extract(png("words")[:60], "cut.png")


@needs_tesseract
def test_a_language_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_chosen", ocr.parse_languages("eng+xyz"))
    with pytest.raises(NeedsOcr, match=r"language “xyz” here\. Install the package tesseract-ocr-xyz"):
        extract(png("words"), "a.png")


def test_without_tesseract_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for name, data in (("scan.pdf", documents.scan()), ("a.png", png("words"))):
        with pytest.raises(NeedsOcr, match="Install Tesseract"):
            extract(data, name)
    assert "Install Tesseract" in reason_to_skip("a.png")


def test_without_tesseract_a_mixed_pdf_says_which_pages_were_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    text, scan = documents.pdf(documents.page("Badgers dig deep.")), scanned_pdf(picture(*OTTERS))
    extracted = extract(joined(text, scan, text, scan), "mixed.pdf")
    assert [(flag.kind, flag.excerpt) for flag in extracted.flags] == [("scans", "page 2, 4")]


def test_a_huge_page_is_drawn_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Five metres square; at 300 dots an inch it would be 3.5 gigapixels."""
    drawn: list[bytes] = []

    def nothing(data: bytes) -> list[list[Line]]:
        drawn.append(data[:20])
        return []

    monkeypatch.setattr(ocr, "recognise", nothing)
    scan = scanned_pdf(picture("x")).replace(b"/MediaBox", b"/OldBox  ", 1)
    at = scan.index(b"/OldBox")
    scan = scan[:at] + b"/MediaBox [0 0 14400 14400] " + scan[at:]
    with pytest.raises(Empty):
        extract(scan, "poster.pdf")
    _, width, height, _ = drawn[0].split(b" ", 3)
    assert 11_000_000 < int(width) * int(height) <= 12_100_000


def test_a_page_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", fake_tesseract(tmp_path, "while :; do :; done"))
    monkeypatch.setattr(ocr, "SECONDS_A_PAGE", 1)
    with pytest.raises(TooSlow, match="one page took longer"):
        extract(png("words"), "a.png")


@pytest.mark.parametrize("ended_by", ["timeout", "cancel", "cpu"])
async def test_tesseract_ends_with_the_process_that_started_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ended_by: str
) -> None:
    marker = f"3{os.getpid()}"
    monkeypatch.setenv("PATH", fake_tesseract(tmp_path, f"exec sleep {marker}"))
    path = tmp_path / "a.png"
    path.write_bytes(png("words"))
    pool = ExtractionPool(timeout=4 if ended_by == "timeout" else 60)
    task = asyncio.create_task(pool.extract(path, "a.png"))
    while not (sleeping := [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", marker]]):
        assert not task.done()
        await asyncio.sleep(0.02)
    if ended_by == "cancel":
        task.cancel()
    elif ended_by == "cpu":
        reader = sleeping[0].parent()
        assert reader is not None
        reader.kill()
    await asyncio.gather(task, return_exceptions=True)
    await pool.close()
    _, alive = psutil.wait_procs(sleeping, timeout=10)
    assert not alive
