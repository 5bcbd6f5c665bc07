"""The bottom of the chat: which knowledge base and model, the question field, and Stop.

Stop is a button of ours, not ``chat_input(submit_mode="stop")``. Streamlit's own shows only in the tab that submitted,
and only until it is reloaded; a question begun by a click has none; it locks the field while an answer is written; and
the script learns of it by the same exception as of a closed tab, after which an answer must go on. A button's callback
runs only if someone pressed it, on any tab, so leaving and stopping cannot be mistaken for each other.
"""

from collections.abc import Sequence

import streamlit as st

from sitechat.storage.values import KnowledgeBase, Turn
from sitechat.ui import actions, engine, session, text


def draw(bases: Sequence[KnowledgeBase], base: KnowledgeBase | None, turn: Turn | None) -> None:
    """``base``: the chosen one. ``turn``: the one being answered."""
    if draft := st.session_state.pop(session.DRAFT, None):
        st.session_state[actions.QUESTION] = draft
    with st.bottom, st.container(key="notice"):
        session.show_notice()
    with st.bottom, st.container(horizontal=True, wrap=False, key="choices"):
        _choose_base(bases)
        _choose_model()
    # Outside the container above, though it lands below it: only a question field that Streamlit puts at the bottom by
    # itself makes the page follow a growing answer.
    st.chat_input(
        _placeholder(base, turn),
        key=actions.QUESTION,
        disabled=base is None or not base.ready,
        on_submit=actions.submit,
        args=(turn.id if turn else None,),
    )
    if turn is not None:
        with st.bottom:
            st.button(
                text.STOP,
                icon=":material/stop_circle:",
                type="primary",
                key="stop",
                shortcut="esc",
                on_click=actions.stop,
                args=(turn.id,),
            )


def _placeholder(base: KnowledgeBase | None, turn: Turn | None) -> str:
    if turn is not None:
        return text.INPUT_WAITING
    return text.INPUT if base is None else text.input_for(base.name)


def _choose_base(bases: Sequence[KnowledgeBase]) -> None:
    if bases:
        names = {base.id: base.name for base in bases}
        st.selectbox(
            text.KNOWLEDGE_BASE,
            list(names),
            format_func=lambda i: names.get(i, ""),
            key=session.BASE,
            icon=":material/library_books:",
            label_visibility="collapsed",
        )


def _choose_model() -> None:
    models = engine.runtime().models.names()
    if len(models) > 1:
        st.selectbox(
            text.MODEL,
            models,
            format_func=text.model_name,
            key=session.MODEL,
            icon=":material/neurology:",
            label_visibility="collapsed",
        )
