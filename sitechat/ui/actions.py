"""What buttons and the question field do. All are callbacks: they run before the page is drawn again."""

from typing import Literal

import streamlit as st

from sitechat.errors import SiteChatError
from sitechat.storage.values import Turn
from sitechat.ui import session

QUESTION = "question"
"""Key of the question field."""


def submit(running: str | None) -> None:
    """Ask what was typed; while an answer is being written, keep it as the next question."""
    question = str(st.session_state[QUESTION] or "").strip()
    if question and running is not None:
        st.session_state[session.QUEUED] = question
    elif question:
        ask(question)


def ask(question: str) -> None:
    """Start a turn in the open conversation, or in a new one. What cannot be asked goes back into the field."""
    try:
        turn = session.call(
            lambda r: r.chat.ask(
                session.caller(),
                question,
                conversation_id=session.conversation(),
                knowledge_base_id=st.session_state.get(session.BASE),
                model=st.session_state.get(session.MODEL),
            )
        )
    except SiteChatError as error:
        st.session_state[session.NOTICE] = error.message
        st.session_state[session.DRAFT] = question
        return
    session.open_conversation(turn.conversation_id)


def stop(turn_id: str) -> None:
    session.attempt(lambda r: r.chat.stop(session.caller(), turn_id))


def retry(turn: Turn) -> None:
    model = st.session_state.get(session.MODEL)
    session.attempt(lambda r: r.chat.retry(session.caller(), turn.id, model))


def discard(turn: Turn) -> None:
    """Drop a failed question; its words go back into the field."""
    session.attempt(lambda r: r.chat.discard(session.caller(), turn.id))
    st.session_state[session.DRAFT] = turn.question


def regenerate(message_id: str) -> None:
    model = st.session_state.get(session.MODEL)
    session.attempt(lambda r: r.chat.regenerate(session.caller(), message_id, model))


def feedback(message_id: str, rating: Literal[1, -1] | None, comment: str = "") -> None:
    session.attempt(lambda r: r.conversations.feedback(session.caller(), message_id, rating, comment))


def tell(message_id: str, uri: str | None = None, wording: str = "") -> None:
    """What would have been right: a page, words, or that nothing answers the question."""
    session.attempt(lambda r: r.cases.tell(session.caller(), message_id, uri=uri, wording=wording))
