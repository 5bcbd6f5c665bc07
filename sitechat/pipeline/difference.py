"""What differs between two traces of the same question: passages, words, evidence, times and versions."""

import re
from collections.abc import Hashable, Iterable
from difflib import SequenceMatcher
from typing import Literal

from sitechat.pipeline.trace import Cited, Outcome, Trace, TracedPassage, TraceValue

_JUDGES = {"model": "the model", "sentences": "its sentences"}
_PIECES = re.compile(r"\s+|[^\s]+")


class PassageChange(TraceValue):
    """A passage that one of the answers, or both, were made from or would have been.

    ``before`` and ``after`` are ranks, from 1. ``changed``: at its place in the document there are other words now.
    """

    kind: Literal["came", "went", "moved", "changed", "stayed"]
    title: str
    section: str
    uri: str
    before: int | None
    after: int | None


class Edit(TraceValue):
    """A piece of the answer: in both, in the former only, or in the latter only."""

    kind: Literal["kept", "removed", "added"]
    text: str


class Change(TraceValue):
    """Something else than it was; as text."""

    what: str
    before: str
    after: str


class StepTimes(TraceValue):
    """Milliseconds spent; None where the step was not done."""

    step: str
    before: float | None
    after: float | None


class Difference(TraceValue):
    """``same``: both say the same in the same words, and cite the same."""

    same: bool
    outcome: tuple[Outcome, Outcome]
    passages: tuple[PassageChange, ...]
    words: tuple[Edit, ...]
    citations_gone: tuple[Cited, ...]
    citations_new: tuple[Cited, ...]
    changes: tuple[Change, ...]
    steps: tuple[StepTimes, ...]
    duration_ms: tuple[float, float]


def difference(before: Trace, after: Trace) -> Difference:
    gone, new = _citations(before, after)
    words = _words(before.answer.content, after.answer.content)
    return Difference(
        same=before.answer.content == after.answer.content and not gone and not new,
        outcome=(before.outcome, after.outcome),
        passages=tuple(_passages(before, after)),
        words=tuple(words),
        citations_gone=gone,
        citations_new=new,
        changes=tuple(_changes(before, after)),
        steps=tuple(_steps(before, after)),
        duration_ms=(before.duration_ms, after.duration_ms),
    )


def _passages(before: Trace, after: Trace) -> Iterable[PassageChange]:
    """In the order of the latter; those that are gone follow."""
    was = {_same_words(passage): passage for passage in before.passages}
    now = {_same_words(passage): passage for passage in after.passages}
    given = dict.fromkeys(_same_words(passage) for passage in (*after.chosen, *before.chosen))
    lost = [was[key] for key in given if key not in now]
    for key in given:
        if key in now and key in was:
            moved = now[key].rank != was[key].rank
            yield _change("moved" if moved else "stayed", was[key], now[key])
        elif key in now:
            former = next((passage for passage in lost if _same_place(passage, now[key])), None)
            if former is not None:
                lost.remove(former)
            yield _change("changed" if former else "came", former, now[key])
    for passage in lost:
        yield _change("went", passage, None)


def _change(
    kind: Literal["came", "went", "moved", "changed", "stayed"],
    before: TracedPassage | None,
    after: TracedPassage | None,
) -> PassageChange:
    passage = after or before
    assert passage is not None
    return PassageChange(
        kind=kind,
        title=passage.title,
        section=passage.section,
        uri=passage.uri,
        before=before.rank if before else None,
        after=after.rank if after else None,
    )


def _same_words(passage: TracedPassage) -> Hashable:
    return passage.uri, passage.digest


def _same_place(one: TracedPassage, other: TracedPassage) -> bool:
    return one.uri == other.uri and one.start < other.end and other.start < one.end


def _words(before: str, after: str) -> Iterable[Edit]:
    was, now = _PIECES.findall(before), _PIECES.findall(after)
    for tag, i, j, k, m in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Edit(kind="kept", text="".join(was[i:j]))
            continue
        if i < j:
            yield Edit(kind="removed", text="".join(was[i:j]))
        if k < m:
            yield Edit(kind="added", text="".join(now[k:m]))


def _citations(before: Trace, after: Trace) -> tuple[tuple[Cited, ...], tuple[Cited, ...]]:
    was = {(each.document_id, " ".join(each.quote.split())): each for each in before.answer.citations}
    now = {(each.document_id, " ".join(each.quote.split())): each for each in after.answer.citations}
    gone = tuple(each for key, each in was.items() if key not in now)
    return gone, tuple(each for key, each in now.items() if key not in was)


def _changes(before: Trace, after: Trace) -> Iterable[Change]:
    was, now = _state(before), _state(after)
    for what in was:
        if was[what] != now[what] and now[what]:
            yield Change(what=what, before=was[what], after=now[what])


def _state(trace: Trace) -> dict[str, str]:
    index = trace.searched.index if trace.searched is not None else None
    return {
        "SiteChat": trace.sitechat,
        "language model": f"{trace.model.provider}/{trace.model.name}",
        "prompt": trace.prompt_version,
        "search model": index.embedding or "" if index else "",
        "generation": str(index.generation or "") if index else "",
        "index at change": str(index.text_sequence or "") if index else "",
        "weights": str(trace.searched.weights) if trace.searched else "",
        "reranking": trace.searched.reranking if trace.searched else "",
        "passages wanted": str(trace.passages_wanted),
        "evidence": f"{trace.grade.verdict}, by {_JUDGES[trace.grade.by]}" if trace.grade else "",
    }


def _steps(before: Trace, after: Trace) -> Iterable[StepTimes]:
    was, now = _times(before), _times(after)
    for step in dict.fromkeys((*was, *now)):
        yield StepTimes(step=step, before=was.get(step), after=now.get(step))


def _times(trace: Trace) -> dict[str, float]:
    spent: dict[str, float] = {}
    for step in trace.steps:
        spent[step.step] = round(spent.get(step.step, 0.0) + step.ms, 1)
    return spent
