"""Messages of the past: questions, answers with their evidence, and what can be done with an answer."""

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from sitechat.storage.values import Message, Standing
from sitechat.ui import actions, assets, cases, evidence, how_found, session, sources, steps, text
from sitechat.ui.markdown import plain, safe_markdown

_THUMBS: tuple[Literal[-1, 1], ...] = (-1, 1)
"""What the two positions of ``st.feedback("thumbs")`` mean."""


def question(key: str, content: str) -> None:
    """A question is shown as it was typed."""
    with st.chat_message("user", avatar=assets.READER_AVATAR), st.container(key=f"question-{key}"):
        st.markdown("  \n".join(plain(line) for line in content.splitlines()))


def answer(message: Message, found: Mapping[int, Standing], *, latest: bool) -> None:
    followed = st.session_state.get(session.FOLLOWED) == message.turn_id
    with (
        st.chat_message("assistant", avatar=assets.ANSWER_AVATAR),
        session.fresh("message", message.id) if followed else st.container(key=f"place-{message.id}"),
    ):
        with st.expander(plain(steps.summary(message)), type="compact", icon=":material/check:"):
            st.markdown(steps.listed(message.steps))
        with st.container(key=f"answer-{message.id}"):
            marks, checks = evidence.marks(message.citations), evidence.checks(message)
            st.markdown(safe_markdown(message.content, marks, checks), anchors=False)
        if checks:
            st.caption(f":material/rule: {text.to_check(len(checks))}")
        if message.state == "stopped":
            st.badge(text.STOPPED, icon=":material/stop_circle:", color="gray")
        elif message.metadata is not None and message.metadata.truncated:
            st.caption(text.CUT_SHORT)
        if message.metadata is not None and message.metadata.caution:
            st.caption(f":material/help: {text.CAUTION}")
        if message.refused:
            sources.suggestions(message.id, message.closest)
        else:
            sources.draw(message.id, message.citations, found)
        how_found.draw(message.id)
        _actions(message, latest=latest)


@st.fragment
def _actions(message: Message, *, latest: bool) -> None:
    """A fragment, so that a thumb does not run the page, which may be following an answer, anew."""
    with st.container(horizontal=True, key=f"actions-{message.id}"):
        _thumbs(message)
        st.button(text.COPY, icon=":material/content_copy:", help=text.COPY, type="tertiary", key=f"copy-{message.id}")
        if latest:
            again = st.button(
                text.REGENERATE,
                icon=":material/refresh:",
                help=text.REGENERATE,
                type="tertiary",
                key=f"again-{message.id}",
            )
            if again:
                actions.regenerate(message.id)
                st.rerun()
        _earlier(message)
        if message.refused:
            _report_gap(message)
    _comment(message)


def _earlier(message: Message) -> None:
    """Where the answer was not made for this question: when it was."""
    if message.metadata is not None and message.metadata.cached_at is not None:
        made = message.metadata.cached_at
        help_ = f"{text.moment(session.local(made))}. {text.EARLIER_HELP}"
        st.caption(text.earlier_answer(text.ago(made, session.now())), width="content", help=help_)


def _thumbs(message: Message) -> None:
    given = message.feedback.rating if message.feedback and not message.refused else None
    key = f"thumbs-{message.id}"
    st.feedback(
        "thumbs",
        key=key,
        default=None if given is None else _THUMBS.index(given),
        on_change=_thumb,
        args=(message.id, key),
    )


def _thumb(message_id: str, key: str) -> None:
    value = st.session_state[key]
    actions.feedback(message_id, None if value is None else _THUMBS[value])
    st.session_state[f"commenting-{message_id}"] = value is not None


def _comment(message: Message) -> None:
    """After a thumb: one line for why, if one wants."""
    state = f"commenting-{message.id}"
    if st.session_state.get(state) == "sent":
        st.caption(text.THANKS)
        return
    value = st.session_state.get(f"thumbs-{message.id}")
    if not st.session_state.get(state) or value is None:
        return
    with st.form(f"comment-{message.id}", clear_on_submit=True, border=False, enter_to_submit=True):
        label = text.COMMENT_GOOD if _THUMBS[value] == 1 else text.COMMENT
        words = st.text_input(label, key=f"words-{message.id}")
        right = cases.ask(message.id) if _THUMBS[value] == -1 else None
        if st.form_submit_button(text.SEND):
            actions.feedback(message.id, _THUMBS[value], words or "")
            if right is not None and any(right):
                actions.tell(message.id, *right)
            st.session_state[state] = "sent"
            st.rerun(scope="fragment")


def _report_gap(message: Message) -> None:
    """Not in the documents: say so to whoever keeps them."""
    if message.feedback is not None or st.session_state.get(f"reported-{message.id}"):
        st.caption(text.REPORTED)
        return
    with st.popover(text.REPORT_GAP, icon=":material/flag:", type="tertiary", key=f"gap-{message.id}"):
        words = st.text_area(text.REPORT_GAP_HELP, key=f"gap-words-{message.id}")
        if st.button(text.SEND, key=f"gap-send-{message.id}"):
            actions.feedback(message.id, -1, words or text.REPORT_GAP)
            actions.tell(message.id)
            st.session_state[f"reported-{message.id}"] = True
            st.rerun(scope="fragment")
