"""What holds for everything that reads a format."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitechat.ingestion.formats.base import Extracted, Extractor, NotExtracted
from sitechat.ingestion.formats.names import SUPPORTED_SUFFIXES, check_media_type, is_supported
from sitechat.ingestion.formats.registry import EXTRACTORS, choose, extract
from tests.fixtures import documents, office, pictures
from tests.support.ocr import needs_tesseract

SAMPLES = {
    ".txt": documents.TEXT,
    ".md": documents.MARKDOWN,
    ".html": documents.HTML,
    ".pdf": documents.pdf(documents.page("It has a page.", heading="Title"), documents.page("And another.")),
    ".docx": documents.word(),
    ".csv": documents.CSV,
    ".json": office.JSON,
    ".eml": office.email(),
    ".pptx": office.presentation(),
    ".xlsx": office.workbook(),
    ".epub": office.book(),
    ".png": pictures.png("A picture of words"),
}
by_type = pytest.mark.parametrize(
    "extractor",
    [pytest.param(each, marks=[needs_tesseract] if ".png" in each.suffixes else []) for each in EXTRACTORS],
    ids=lambda extractor: type(extractor).__name__,
)


def sample_of(extractor: Extractor) -> tuple[str, bytes]:
    """Every extractor has a sample: add one to ``SAMPLES`` with a new format."""
    return next((suffix, SAMPLES[suffix]) for suffix in SAMPLES if suffix in extractor.suffixes)


def check_form(extracted: Extracted) -> None:
    """Blocks lie in the text, in order, with only white space between them; the text is clean."""
    text = extracted.text
    assert extracted.title.strip() == extracted.title != ""
    assert unicodedata.is_normalized("NFC", text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in text)
    end = 0
    for block in extracted.blocks:
        assert text[end : block.start].strip() == ""
        assert block.start < block.end
        assert text[block.start : block.end].strip() != ""
        assert (block.level > 0) == (block.kind == "heading")
        end = block.end
    assert text[end:].strip() == ""
    assert list(extracted.pages) == sorted(extracted.pages)
    assert all(0 <= offset <= len(text) for offset in extracted.pages)


@by_type
def test_an_extractor_is_one(extractor: Extractor) -> None:
    assert isinstance(extractor, Extractor)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in extractor.suffixes)


@by_type
def test_the_result_has_the_form_that_everything_after_it_relies_on(extractor: Extractor) -> None:
    suffix, data = sample_of(extractor)
    extracted = extractor.extract(data, f"sample{suffix}")
    check_form(extracted)
    assert extracted.blocks


@by_type
def test_the_registry_finds_it_by_name_and_by_media_type(extractor: Extractor) -> None:
    suffix, data = sample_of(extractor)
    assert choose(data, f"sample{suffix}") is extractor
    for media_type in extractor.media_types:
        assert choose(data, "sample", media_type) is extractor
        check_media_type(media_type)


def test_what_is_known_by_name_alone_is_in_step_with_the_extractors() -> None:
    """Adding a format means adding its endings to ``names.py``, which loads no parser."""
    assert set().union(*(extractor.suffixes for extractor in EXTRACTORS)) == SUPPORTED_SUFFIXES
    assert is_supported("README")
    assert not is_supported("talk.ppt")


@by_type
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(noise=st.binary(max_size=200), place=st.floats(0, 1), keep=st.floats(0, 1))
def test_damage_ends_in_text_or_in_a_reason(extractor: Extractor, noise: bytes, place: float, keep: float) -> None:
    """A sample with noise in it and its end cut off: no other exception than ours, and a whole sentence in it."""
    suffix, data = sample_of(extractor)
    at, end = int(place * len(data)), int(keep * len(data))
    damaged = (data[:at] + noise + data[at + len(noise) :])[: max(end, at)]
    reason = ""
    try:
        check_form(extract(damaged, f"damaged{suffix}"))
    except NotExtracted as error:
        reason = error.message
    assert not reason or (reason[0].isupper() and reason.endswith("."))
