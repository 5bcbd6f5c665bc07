"""An answer whose marks are changed and whose words are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sitechat.events import Citation, Evidence, SentenceSupport
from sitechat.pipeline.claims import Claim
from sitechat.pipeline.evidence import citation_of
from sitechat.pipeline.marks import mark_spans
from sitechat.pipeline.support import Verdict

_MAY_FOLLOW = ("", *" \n\t[|.,;:!?)…。")
"""What stands right behind a word where nothing else is between."""


@dataclass(frozen=True, slots=True)
class Edit:
    """``content[start:end]`` becomes ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence, the best that any source says to it, and the sources that its marks may name."""

    claim: Claim
    verdict: Verdict
    standing: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Amended:
    """``citations`` are those that ``content`` names; ``added`` the ones of them that are new."""

    content: str
    citations: tuple[Citation, ...]
    added: tuple[Citation, ...]
    support: tuple[SentenceSupport, ...]


def amend(
    content: str, citations: Sequence[Citation], checked: Sequence[Checked], scores: Mapping[int, float]
) -> Amended:
    """Marks follow what was found. A number keeps its meaning for whoever has seen it; new ones come after the last.

    ``scores``: of passages, by the ids of chunks.
    """
    known = _Known(citations, scores)
    numbers = [known.numbers(each) for each in checked]
    edits = [edit for each, own in zip(checked, numbers, strict=True) for edit in renumbered(content, each.claim, own)]
    changed = amended(content, edits)
    named = {number for mark in mark_spans(changed) for number in mark.numbers}
    return Amended(
        changed,
        tuple(citation for citation in known.all if citation.number in named),
        tuple(known.all[len(citations) :]),
        tuple(_support(each, own, edits) for each, own in zip(checked, numbers, strict=True)),
    )


class _Known:
    """The citations there are, with those that come to be."""

    def __init__(self, citations: Sequence[Citation], scores: Mapping[int, float]) -> None:
        self.all = list(citations)
        self._scores = scores

    def numbers(self, checked: Checked) -> tuple[int, ...]:
        """Of the marks that the sentence is to carry."""
        standing = {verdict.source.chunk.id: verdict for verdict in checked.standing}
        chunk_of = {citation.number: citation.chunk_id for citation in self.all}
        kept = [number for number in checked.claim.numbers if chunk_of.get(number) in standing]
        for number in kept:
            standing.pop(chunk_of[number], None)
        return (*kept, *(self._number(verdict) for verdict in standing.values()))

    def _number(self, verdict: Verdict) -> int:
        chunk, span = verdict.source.chunk, verdict.span
        for citation in self.all:
            if citation.chunk_id == chunk.id and citation.start == span.start:
                return citation.number
        number = max((citation.number for citation in self.all), default=0) + 1
        self.all.append(citation_of(number, chunk, span, self._scores[chunk.id]))
        return number


def _support(checked: Checked, numbers: Sequence[int], edits: Sequence[Edit]) -> SentenceSupport:
    claim, verdict = checked.claim, checked.verdict
    chunk, span = verdict.source.chunk, verdict.span
    return SentenceSupport(
        sentence=claim.text,
        support=verdict.support,
        citations=tuple(numbers),
        start=moved(claim.start, edits),
        end=moved(claim.end, edits),
        evidence=Evidence(
            chunk_id=chunk.id, document_id=chunk.document_id, start=span.start, end=span.end, quote=span.quote
        ),
        reasons=verdict.reasons,
        dropped=tuple(number for number in claim.numbers if number not in numbers),
    )


def amended(content: str, edits: Sequence[Edit]) -> str:
    """``content`` with all ``edits``, which do not overlap."""
    for edit in sorted(edits, key=lambda edit: -edit.start):
        content = content[: edit.start] + edit.text + content[edit.end :]
    return content


def moved(position: int, edits: Sequence[Edit]) -> int:
    """Where ``position`` of the former content lies after the ``edits`` that end at or before it."""
    return position + sum(len(edit.text) - (edit.end - edit.start) for edit in edits if edit.end <= position)


def renumbered(content: str, claim: Claim, numbers: Sequence[int]) -> list[Edit]:
    """The edits after which ``claim`` carries the marks ``numbers``: those it has stay where they are.

    What is new stands where the first mark was; a mark that goes takes the spaces before it, unless they part words.
    """
    edits: list[Edit] = []
    new = "".join(f"[{number}]" for number in numbers if number not in claim.numbers)
    for mark in claim.marks:
        kept = "".join(f"[{number}]" for number in mark.numbers if number in numbers) + new
        new = ""
        if kept == content[mark.start : mark.end]:
            continue
        joins = content[mark.end : mark.end + 1] not in _MAY_FOLLOW  # what would be one word without the spaces
        least = min(claim.start, mark.start)
        start = mark.start if kept or joins else max(len(content[: mark.start].rstrip(" ")), least)
        edits.append(Edit(max(start, edits[-1].end if edits else 0), mark.end, kept))
    return edits
