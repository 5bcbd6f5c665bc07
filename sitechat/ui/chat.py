"""The chat page: a conversation, the answer being written, and the way to ask."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from sitechat.errors import NotFound, SiteChatError
from sitechat.events import Failed
from sitechat.storage.values import KnowledgeBase, Message, Standings, Thread, Turn
from sitechat.ui import (
    actions,
    answer,
    assets,
    composer,
    engine,
    evidence,
    preparing,
    session,
    steps,
    text,
    unanswered,
    welcome,
)
from sitechat.ui.markdown import plain
from sitechat.ui.render import TurnView

SHOWN = 30
"""Messages drawn at first; older ones on request."""


def page() -> None:
    bases = session.call(lambda r: r.knowledge.visible(session.caller()))
    thread = _thread()
    running = thread.turn if thread is not None and thread.turn is not None and thread.turn.state == "running" else None
    if running is None and (queued := st.session_state.pop(session.QUEUED, None)):
        actions.ask(queued)
        st.rerun()
    base = _chosen_base(bases, thread)
    composer.draw(bases, base, running)
    reading = base is not None and _may_miss_pages(thread) and preparing.is_reading(base)
    with st.container(key="unseen"):
        # The browser loads what colours code when the first code block appears, which would then grow under the reader.
        st.markdown("```text\n\n```")
    with session.fresh("conversation", thread.conversation.id if thread else None):
        if thread is None:
            welcome.draw(base, reading=reading)
        else:
            _conversation(thread, running)
    preparing.draw(base, reading=reading)
    if thread is not None:
        preparing.watch_other_tabs(thread)


def _conversation(thread: Thread, running: Turn | None) -> None:
    _history(thread, running)
    if running is not None:
        _follow(running)
    elif thread.turn is not None:
        unanswered.draw(thread.turn)


def _may_miss_pages(thread: Thread | None) -> bool:
    """Whether it matters now that documents are still being read: before the first question, or after a refusal."""
    return thread is None or (bool(thread.messages) and thread.messages[-1].refused)


def _thread() -> Thread | None:
    conversation_id = session.conversation()
    if conversation_id is None:
        return None
    try:
        return session.call(lambda r: r.conversations.thread(session.caller(), conversation_id))
    except NotFound:
        session.open_conversation(None)
        st.session_state[session.NOTICE] = text.GONE
        return None


def _chosen_base(bases: Sequence[KnowledgeBase], thread: Thread | None) -> KnowledgeBase | None:
    """The one chosen below; on opening a conversation, the one it is about."""
    known = {base.id: base for base in bases}
    opened = thread.conversation.id if thread else None
    if thread is not None and st.session_state.get("base_of") != opened:
        about = thread.conversation.knowledge_base_id
        if about in known:
            st.session_state[session.BASE] = about
    st.session_state["base_of"] = opened
    if st.session_state.get(session.BASE) not in known:
        ready = [base for base in bases if base.ready] or list(bases)
        st.session_state[session.BASE] = ready[0].id if ready else None
    return known.get(st.session_state[session.BASE])


def _history(thread: Thread, running: Turn | None) -> None:
    hidden = running.replaces if running else None
    messages = [message for message in thread.messages if message.id != hidden]
    with st.container(key="earlier-messages"):
        shown = _latest(messages)
    found = evidence.find(thread.conversation.id, shown)
    assets.reader(_for_reader(shown, found) | {"turn": running.id if running else None})
    for message in shown:
        if message.role == "user":
            answer.question(message.id, message.content)
        else:
            answer.answer(message, found.get(message.id, {}), latest=thread.turn is None and message is messages[-1])


def _latest(messages: list[Message]) -> list[Message]:
    key = "all_of"
    if len(messages) <= SHOWN or (messages and st.session_state.get(key) == messages[0].id):
        return messages
    if st.button(text.EARLIER, type="tertiary", icon=":material/expand_less:", key="earlier"):
        st.session_state[key] = messages[0].id
        st.rerun()
    return messages[-SHOWN:]


def _for_reader(shown: Sequence[Message], found: Standings) -> dict[str, Any]:
    now = session.now()
    answers = {
        message.id: {
            "markdown": message.content,
            "cards": {
                str(c.number): evidence.card(c, evidence.passage(c, found.get(message.id, {}).get(c.number), now))
                for c in message.citations
            },
            "checks": evidence.check_cards(message),
        }
        for message in shown
        if message.role == "assistant"
    }
    last = next((message for message in reversed(shown) if message.role == "assistant"), None)
    return {
        "answers": answers,
        "ended": {"of": last.id, "text": steps.summary(last)} if last else None,
        "words": {
            "open": text.OPEN_SOURCE,
            "close": text.CLOSE,
            "copied": text.COPIED,
            "unreachable": text.UNREACHABLE,
        },
    }


def _follow(turn: Turn) -> None:
    """Replay the turn from its beginning, then live; this page only watches, so leaving it changes nothing."""
    if turn.replaces is None:
        answer.question(turn.id, turn.question)
    queued = st.session_state.get(session.QUEUED)
    with st.chat_message("assistant", avatar=assets.ANSWER_AVATAR), session.fresh("turn", turn.id):
        view = TurnView()
    if queued:
        st.caption(f"{text.NEXT_QUESTION}: {plain(text.shortened(queued, 120))}")
    feed = engine.runtime().feed(session.caller(), turn.id)
    try:
        ending = view.follow(feed)
    except SiteChatError as error:
        st.warning(plain(error.message))
        return
    finally:
        feed.close()
    if isinstance(ending, Failed) and ending.seq == 0:
        st.warning(plain(ending.message))  # the turn itself could not be read: drawing it again would not help
        return
    st.session_state[session.FOLLOWED] = turn.id
    st.rerun()
