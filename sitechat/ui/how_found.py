"""Below an answer, closed until somebody wants to know: how it was found. Nothing is read before it is opened."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from providers.base import Message
from sitechat.errors import SiteChatError
from sitechat.pipeline.trace import Reuse, Trace, TracedPassage
from sitechat.ui import session, text
from sitechat.ui.markdown import plain

_PROMPT_HEIGHT = 320
"""Pixels; longer text scrolls inside itself."""


@st.fragment
def draw(answer_id: str) -> None:
    """Of an answer by its id, or of a question that was not answered by its turn's.

    A fragment, so that opening it does not run the page, which may be following an answer, anew.
    """
    opened = st.expander(
        text.HOW_FOUND, type="compact", icon=":material/manage_search:", key=f"how-{answer_id}", on_change="rerun"
    )
    with opened:
        if not opened.open:
            st.caption(text.READING_TRACE)  # what the browser shows until it is here
            return
        try:
            trace = session.call(lambda r: r.conversations.trace(session.caller(), answer_id))
        except SiteChatError as error:
            st.caption(plain(error.message))
            return
        st.caption("  \n".join(plain(line) for line in _facts(trace)))
        if trace.reused is None:
            _tabs(trace)
        elif not _draw_first(trace.reused):
            return  # nothing is there to be answered again
        _ways_on(trace, answer_id)


def _draw_first(reused: Reuse) -> bool:
    """How the answer that was given again was found. Whether that is there to be seen."""
    try:
        first = session.call(lambda r: r.conversations.trace(session.caller(), reused.message_id))
    except SiteChatError:
        st.caption(text.FIRST_GONE)
        return False
    st.caption(text.GIVEN_AGAIN if reused.exact else text.GIVEN_AGAIN_ALIKE)
    st.caption("  \n".join(plain(line) for line in _facts(first)))
    _tabs(first)
    return True


def _facts(trace: Trace) -> list[str]:
    model, searched = trace.model, trace.searched
    name = f"{model.provider}/{model.name}" if model.writes else text.EXTRACTIVE
    first = trace.ttft_ms / 1000 if trace.ttft_ms is not None else None
    answered = text.answered_by(
        name, trace.usage.input_tokens, trace.usage.output_tokens, trace.duration_ms / 1000, first
    )
    if searched is None:
        return [answered]
    index, grade = searched.index, trace.grade
    cited = sum(bool(passage.cited) for passage in trace.passages)
    return [
        *(text.searched_for(query) for query in trace.queries.searches or (trace.queries.question,)),
        *(text.helped_by(question) for question in trace.queries.leans_on),
        *(text.searched_further(query) for query in trace.queries.further),
        text.searched_in(searched.knowledge_base, index.embedding, index.generation, index.text_sequence),
        *([text.narrowed(trace.narrowing.languages, *_bounds(trace))] if trace.narrowing else []),
        text.looked_at(len(trace.passages), len(trace.given), cited),
        *([text.evidence(grade.verdict, grade.by, grade.score, grade.threshold)] if grade is not None else []),
        answered,
    ]


def _bounds(trace: Trace) -> tuple[str, str]:
    """The days between which the documents had last changed, where the search was bounded."""
    since, until = trace.narrowing.since, trace.narrowing.until
    return text.day(since) if since else "", text.day(until) if until else ""


def _tabs(trace: Trace) -> None:
    shown = {
        text.PASSAGES_TAB: _passages if trace.passages else None,
        text.STEPS_TAB: _steps,
        text.PROMPT_TAB: _prompt,
        text.JUDGEMENTS_TAB: _judgements if trace.consultations else None,
    }
    wanted = {name: drawn for name, drawn in shown.items() if drawn is not None}
    for tab, drawn in zip(st.tabs(list(wanted)), wanted.values(), strict=True):
        with tab:
            drawn(trace)


def _passages(trace: Trace) -> None:
    found = [passage.found for passage in trace.passages]
    measures = [name for name in text.MEASURES if any(getattr(each, name) is not None for each in found)]
    relevance = trace.grade.relevance if trace.grade is not None else {}
    rows = [_row(passage, measures) | _judged(passage, relevance) for passage in trace.passages]
    st.dataframe(rows, hide_index=True, placeholder="", column_config=_columns(), key=f"found-{trace.turn_id}")


def _row(passage: TracedPassage, measures: Sequence[str]) -> dict[str, Any]:
    number = text.NO_ROOM if passage.over_budget else f"[{passage.number}]" if passage.number is not None else ""
    return {
        text.RANK: passage.rank,
        text.GIVEN: number,
        text.CITED: " ".join(f"[{mark}]" for mark in passage.cited),
        text.PAGE: passage.title,
        text.SECTION: passage.section,
        text.SCORE: passage.score,
        **{text.MEASURES[name][0]: getattr(passage.found, name) for name in measures},
    }


def _judged(passage: TracedPassage, relevance: Mapping[int, int]) -> dict[str, int | None]:
    """A column only where a model judged."""
    return {text.RELEVANCE: relevance.get(passage.chunk_id)} if relevance else {}


def _columns() -> dict[str, ColumnConfig]:
    """Widths in pixels: what matters most is seen first on a narrow screen, the rest by scrolling."""
    numbers = {
        label: st.column_config.NumberColumn(help=told, width=78, format="%d" if name.endswith("_rank") else "%.3f")
        for name, (label, told) in text.MEASURES.items()
    }
    helps = text.PASSAGE_COLUMNS
    return {
        text.RANK: st.column_config.NumberColumn(help=helps[text.RANK], width=32),
        text.GIVEN: st.column_config.TextColumn(help=helps[text.GIVEN], width=70),
        text.CITED: st.column_config.TextColumn(help=helps[text.CITED], width=52),
        text.PAGE: st.column_config.TextColumn(width=150),
        text.SECTION: st.column_config.TextColumn(width=150),
        text.SCORE: st.column_config.NumberColumn(help=helps[text.SCORE], width=64, format="%.3f"),
        **numbers,
        text.RELEVANCE: st.column_config.NumberColumn(help=helps[text.RELEVANCE], width=78, format="%d"),
    }


def _steps(trace: Trace) -> None:
    rows = [
        {
            text.STEP: step.message,
            text.TOOK: text.spent(step.ms / 1000),
            text.COUNTED: text.step_numbers(step.numbers),
        }
        for step in trace.steps
    ]
    st.dataframe(rows, hide_index=True, key=f"steps-{trace.turn_id}")
    for notice in trace.notices:
        st.caption(plain(notice.message))


def _prompt(trace: Trace) -> None:
    if not trace.prompt:
        st.caption(text.NO_PROMPT)
        return
    if not trace.model.writes:
        st.caption(text.NOT_SENT)
    st.caption(plain(text.prompt_version(trace.prompt_version)))
    _messages(trace.prompt)


def _judgements(trace: Trace) -> None:
    for asked in trace.consultations:
        st.caption(plain(text.judged(asked.purpose, asked.ms / 1000)))
        _messages(asked.messages)
        if asked.reply is None:
            st.caption(text.NO_REPLY)
        else:
            st.code(asked.reply, language=None, wrap_lines=True, height="content")


def _messages(messages: Sequence[Message]) -> None:
    for message in messages:
        st.caption(text.ROLES[message.role])
        tall = len(message.content) > _PROMPT_HEIGHT * 4
        st.code(message.content, language=None, wrap_lines=True, height=_PROMPT_HEIGHT if tall else "content")


def _ways_on(trace: Trace, answer_id: str) -> None:
    st.download_button(
        text.SAVE_TRACE,
        functools.partial(trace.model_dump_json, indent=2),
        file_name=text.trace_name(answer_id),
        mime="application/json",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"trace-{answer_id}",
    )
    st.caption(text.REPLAY_HINT)
    st.code(text.replay_command(answer_id), language=None, wrap_lines=True)
