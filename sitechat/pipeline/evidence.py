"""Which words of a passage support a sentence of the answer, and where a reader finds them."""

import re
from collections import Counter
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import snowballstemmer

from providers.sentences import find_quoted, split_sentences
from sitechat.events import Citation
from sitechat.storage.values import Chunk
from sitechat.storage.vectors import HEADING_SEPARATOR

_WORD = re.compile(r"\w+", re.UNICODE)
_stemmer = snowballstemmer.stemmer("english")


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets into the document's text and the words there."""

    start: int
    end: int
    quote: str


def best_span(claim: str, chunk: Chunk) -> Span:
    """The sentence of the passage that shares most of the claim's words, rare ones first; the first one if none does.

    ``span.quote == document.text[span.start:span.end]``.
    """
    spans = split_sentences(chunk.text) or [(0, len(chunk.text))]
    wanted = set(stems(claim))
    inside = [stems(chunk.text[start:end]) for start, end in spans]
    spread = Counter(stem for words in inside for stem in set(words))

    def score(index: int) -> tuple[float, float]:
        words = set(inside[index])
        shared = sum(1 / spread[stem] for stem in wanted & words)
        return shared, -len(words) / 1000

    best = max(range(len(spans)), key=score) if any(wanted & set(words) for words in inside) else 0
    start, end = spans[best]
    return Span(chunk.start + start, chunk.start + end, chunk.text[start:end])


def quoted_span(quoted: str, chunk: Chunk) -> Span:
    """Where the passage holds a sentence that was quoted from it; the nearest one if it was not."""
    found = find_quoted(quoted, chunk.text)
    if found is None:
        return best_span(quoted, chunk)
    start, end = found
    return Span(chunk.start + start, chunk.start + end, chunk.text[start:end])


def last_claim(text: str) -> str:
    """The sentence that a mark at the end of ``text`` stands for."""
    tail = text[-800:]
    spans = split_sentences(tail)
    return tail[spans[-1][0] : spans[-1][1]] if spans else tail


def citation_of(number: int, chunk: Chunk, span: Span, score: float) -> Citation:
    """The evidence behind a mark ``[number]``; ``score`` is that of the passage."""
    return Citation(
        number=number,
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        title=chunk.title,
        heading=HEADING_SEPARATOR.join(chunk.heading_path),
        url=source_url(chunk, span),
        quote=span.quote,
        start=span.start,
        end=span.end,
        score=round(score, 4),
        page=chunk.page,
        read_at=chunk.read_at,
    )


def source_url(chunk: Chunk, span: Span) -> str:
    """Where a click lands on the quoted words: the web page with a text fragment, the page of a PDF, or our view."""
    if chunk.uri.startswith(("http://", "https://")) and chunk.media_type != "application/pdf":
        return f"{chunk.uri.partition('#')[0]}#{text_fragment(span.quote)}"
    if chunk.media_type == "application/pdf":
        return f"/source/{chunk.document_id}/file#page={chunk.page or 1}"
    place = urlencode({"start": span.start, "end": span.end})
    return f"/source/{chunk.document_id}?{place}#quote"


def page_url(chunk: Chunk) -> str:
    """The whole page or file a passage is from."""
    if chunk.uri.startswith(("http://", "https://")):
        return chunk.uri
    return f"/source/{chunk.document_id}"


def text_fragment(words: str) -> str:
    """``:~:text=`` with the first and last few words, as browsers that scroll to text expect it."""
    parts = words.split()
    if len(parts) <= 10:
        return f":~:text={_escape(' '.join(parts))}"
    return f":~:text={_escape(' '.join(parts[:5]))},{_escape(' '.join(parts[-5:]))}"


def stems(text: str) -> list[str]:
    """Stems of the words of ``text``, in order."""
    return [str(stem) for stem in _stemmer.stemWords(_WORD.findall(text.lower()))]


def _escape(words: str) -> str:
    return quote(words, safe="").replace("-", "%2D")
