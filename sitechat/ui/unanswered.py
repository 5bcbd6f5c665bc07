"""A question that failed or was interrupted: what had arrived, why it broke off, and the way on."""

import math
from datetime import datetime

import streamlit as st

from sitechat.storage.values import Turn
from sitechat.ui import actions, answer, assets, how_found, session, steps, text
from sitechat.ui.markdown import plain, safe_markdown


def draw(turn: Turn) -> None:
    if turn.replaces is None:
        answer.question(turn.id, turn.question)
    with st.chat_message("assistant", avatar=assets.ANSWER_AVATAR), session.fresh("turn", f"{turn.id} {turn.state}"):
        lasted = (turn.updated_at - turn.started_at).total_seconds()
        with st.expander(text.failed_after(lasted), type="compact", icon=":material/error:"):
            st.markdown(steps.listed(turn.steps))
        if turn.text:
            with st.container(key=f"answer-{turn.id}"):
                st.markdown(safe_markdown(turn.text), anchors=False)
            st.badge(text.INTERRUPTED, icon=":material/link_off:", color="orange")
        st.warning(plain(turn.error or text.UNANSWERED), icon=":material/error:")
        _ways_on(turn)
        if turn.state == "failed":
            how_found.draw(turn.id)


@st.fragment(run_every=1.0)
def _counting_down(until: datetime) -> None:
    left = (until - session.now()).total_seconds()
    if left <= 0:
        st.rerun()
    st.caption(plain(text.ask_again_in(math.ceil(left))))


def _ways_on(turn: Turn) -> None:
    until = session.retry_at(turn)
    wait = until is not None and until > session.now()
    with st.container(horizontal=True, key=f"ways-{turn.id}"):
        st.button(
            text.RETRY,
            icon=":material/refresh:",
            type="primary",
            key=f"retry-{turn.id}",
            disabled=wait,
            on_click=actions.retry,
            args=(turn,),
        )
        st.button(text.DISCARD, type="tertiary", key=f"discard-{turn.id}", on_click=actions.discard, args=(turn,))
    if wait and until is not None:
        _counting_down(until)
