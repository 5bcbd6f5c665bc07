"""A quote is literally in its document, is the sentence that supports the claim, and its link lands on it."""

from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from sitechat.pipeline.evidence import best_span, last_claim, source_url, text_fragment
from sitechat.storage.values import Chunk

TEXT = "Backups run nightly at two. They are kept for thirty days. Restores need an administrator."


def chunk(**changes: object) -> Chunk:
    facts: dict[str, object] = {
        "id": 7,
        "document_id": "d1",
        "knowledge_base_id": "k1",
        "ordinal": 0,
        "start": 100,
        "end": 100 + len(TEXT),
        "text": TEXT,
        "heading_path": ("Backups",),
        "page": None,
        "title": "Operations",
        "uri": "file:operations.md",
        "media_type": "text/markdown",
        "read_at": datetime.now(UTC),
    }
    return Chunk(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("Old backups are deleted after thirty days", "They are kept for thirty days."),
        ("Only an administrator can restore", "Restores need an administrator."),
        ("A claim that shares nothing whatever", "Backups run nightly at two."),
    ],
)
def test_the_best_sentence_is_quoted_at_its_place_in_the_document(claim: str, quote: str) -> None:
    span = best_span(claim, chunk())
    document = " " * 100 + TEXT
    assert span.quote == quote
    assert document[span.start : span.end] == quote


def test_the_claim_is_the_sentence_before_the_mark() -> None:
    assert last_claim("First point. Second point") == "Second point"
    assert last_claim("First point. Second point. ") == "Second point."


def test_a_file_opens_in_our_view_at_the_quoted_words() -> None:
    span = best_span("thirty days", chunk())
    assert source_url(chunk(), span) == f"/source/d1?start={span.start}&end={span.end}#quote"


def test_a_pdf_opens_at_its_page() -> None:
    pdf = chunk(media_type="application/pdf", page=3)
    assert source_url(pdf, best_span("thirty days", pdf)) == "/source/d1/file#page=3"


def test_a_web_page_opens_with_a_text_fragment_and_without_its_own() -> None:
    page = chunk(uri="https://example.com/ops#top", media_type="text/html")
    url = source_url(page, best_span("thirty days", page))
    assert url.startswith("https://example.com/ops#:~:text=")
    assert unquote(url).endswith("They are kept for thirty days.")


def test_a_long_quote_is_named_by_its_first_and_last_words_with_dashes_escaped() -> None:
    words = "one-two three four five six seven eight nine ten eleven twelve"
    assert text_fragment(words) == ":~:text=one%2Dtwo%20three%20four%20five%20six,eight%20nine%20ten%20eleven%20twelve"
