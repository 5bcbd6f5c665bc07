"""The chat page before the first question: what this is, what to try, how to bring one's own."""

import streamlit as st

from sitechat.storage.values import KnowledgeBase
from sitechat.ui import actions, engine, session, text
from sitechat.ui.markdown import plain


def draw(base: KnowledgeBase | None, *, reading: bool) -> None:
    st.title(text.ASK_TITLE, anchor=False)
    st.markdown(text.ASK_INTRO)
    if base is None:
        st.info(text.NO_KNOWLEDGE, icon=":material/library_books:")
    elif base.ready and base.sample_questions:
        st.caption(text.TRY_ONE)
        for index, question in enumerate(base.sample_questions):
            st.button(
                plain(question),
                icon=":material/chat:",
                key=f"sample-{index}",
                disabled=reading,  # half of the documents would answer half of the questions
                width="stretch",
                on_click=actions.ask,
                args=(question,),
            )
    with st.container(horizontal=True, vertical_alignment="center", key="add-your-own"):
        if st.button(text.ADD_YOUR_OWN, icon=":material/upload_file:", help=text.ADD_YOUR_OWN_HELP, key="add"):
            st.switch_page(session.page(session.KNOWLEDGE_PAGE))
    _key_line()


def _key_line() -> None:
    """Without a key: what that means, and the way to change it."""
    if engine.runtime().models.default != "extractive":
        return
    with st.container(horizontal=True, vertical_alignment="center", key="no-key"):
        st.caption(text.NO_KEY)
        with st.popover(text.NO_KEY_HOW, type="tertiary", icon=":material/key:", key="how-to-key"):
            st.markdown(text.NO_KEY_STEPS)
