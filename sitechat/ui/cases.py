"""Questions whose right answer a person has told: asked for below an answer, listed and changed before evaluating."""

from collections.abc import Mapping, Sequence

import streamlit as st

from sitechat.storage.cases import Case
from sitechat.storage.values import Document
from sitechat.ui import session, text
from sitechat.ui.markdown import plain

_NONE = ""
"""Chosen where no page is."""
_MOST_PAGES = 2000
"""That a list to choose from offers."""


def ask(message_id: str) -> tuple[str | None, str]:
    """Inside a form: which page answers the question, and which words its answer should have."""
    pages = _titles(session.attempt(lambda r: r.cases.pages(session.caller(), message_id)) or ())
    uri = _page(pages, None, f"right-page-{message_id}")
    wording = st.text_input(text.RIGHT_WORDS, key=f"right-words-{message_id}", placeholder=text.OPTIONAL)
    return uri, wording or ""


def draw(base_id: str) -> None:
    """Those of a knowledge base, to be changed or removed; nothing where there are none."""
    cases = session.call(lambda r: r.cases.of(session.caller(), base_id))
    if not cases:
        return
    pages = _titles(session.call(lambda r: r.knowledge.documents(session.caller(), base_id)))
    with st.expander(plain(text.told_questions(len(cases))), icon=":material/rate_review:", key="cases"):
        st.caption(text.TOLD_HELP)
        for case in cases:
            with st.container(border=True, key=f"case-{case.id}", gap="xsmall"):
                _row(case, pages)


def _row(case: Case, pages: Mapping[str, str]) -> None:
    st.markdown(f"**{plain(case.question)}**")
    page, words = f"case-page-{case.id}", f"case-words-{case.id}"
    known = pages if case.uri is None or case.uri in pages else {case.uri: case.uri, **pages}
    _page(known, case.uri, page, on_change=(case.id, page, words))
    st.text_input(
        text.RIGHT_WORDS,
        case.wording,
        key=words,
        placeholder=text.OPTIONAL,
        on_change=_change,
        args=(case.id, page, words),
    )
    if not case.answerable:
        st.caption(text.TO_BE_REFUSED)
    st.button(
        text.NOT_ANY_MORE,
        icon=":material/delete:",
        type="tertiary",
        key=f"drop-{case.id}",
        on_click=_drop,
        args=(case.id,),
    )


def _page(
    pages: Mapping[str, str], chosen: str | None, key: str, on_change: tuple[str, str, str] | None = None
) -> str | None:
    choices = [_NONE, *pages]
    found = st.selectbox(
        text.RIGHT_PAGE,
        choices,
        index=choices.index(chosen or _NONE),
        format_func=lambda uri: pages.get(uri, text.NO_PAGE),
        key=key,
        on_change=_change if on_change else None,
        args=on_change,
    )
    return found or None


def _change(case_id: str, page: str, words: str) -> None:
    uri, wording = st.session_state[page] or None, str(st.session_state[words] or "")
    session.attempt(lambda r: r.cases.change(session.caller(), case_id, uri=uri, wording=wording))


def _drop(case_id: str) -> None:
    session.attempt(lambda r: r.cases.delete(session.caller(), case_id))


def _titles(documents: Sequence[Document]) -> dict[str, str]:
    return {document.uri: document.title for document in documents[:_MOST_PAGES]}
