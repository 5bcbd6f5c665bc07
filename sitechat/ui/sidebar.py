"""The sidebar: begin, find, open, rename, export and delete conversations."""

import re
from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from sitechat.storage.values import Conversation
from sitechat.ui import session, text
from sitechat.ui.markdown import plain
from sitechat.ui.session import DELETED, Deleted

SHOWN = 20
"""Conversations listed before "Show more"."""

_ICONS = {
    session.CHAT_PAGE: ":material/forum:",
    session.KNOWLEDGE_PAGE: ":material/library_books:",
    session.EVALUATION_PAGE: ":material/insights:",
    session.SETTINGS_PAGE: ":material/tune:",
}
_SHOWN_NOW = "conversations_shown"


def draw() -> None:
    with st.sidebar:
        with st.container(key="navigation"):
            for name, icon in _ICONS.items():
                page = session.page(name)
                st.page_link(page, label=page.title, icon=icon, width="stretch")
        if st.button(text.NEW_CHAT, icon=":material/edit_square:", width="stretch", key="new-chat"):
            session.open_conversation(None)
            st.switch_page(session.page(session.CHAT_PAGE))
        words = st.text_input(
            text.SEARCH, placeholder=text.SEARCH, icon=":material/search:", label_visibility="collapsed", key="search"
        )
        _offer_undo()
        limit = int(st.session_state.get(_SHOWN_NOW, SHOWN))
        found = session.call(lambda r: r.conversations.recent(session.caller(), words or "", limit + 1))
        if not found:
            st.caption(text.NOTHING_FOUND if words else text.NO_CONVERSATIONS)
        with st.container(key="conversations"):
            _list(found[:limit])
        if len(found) > limit:
            st.button(text.SHOW_MORE, type="tertiary", key="more-conversations", on_click=_more, args=(limit,))


def _more(limit: int) -> None:
    st.session_state[_SHOWN_NOW] = limit + SHOWN


def _list(found: Sequence[Conversation]) -> None:
    now = session.now()
    current = session.current()
    for heading, items in groupby(found, lambda c: text.heading_of_day(session.local(c.updated_at), now)):
        st.caption(heading)
        for conversation in items:
            if conversation.id == current:
                with st.container(horizontal=True, key="current", wrap=False):
                    _row(conversation)
                    _menu(conversation)
            else:
                _row(conversation)


def _row(conversation: Conversation) -> None:
    title = plain(conversation.title)
    if st.button(title, key=f"open-{conversation.id}", type="tertiary", width="stretch"):
        session.open_conversation(conversation.id)
        st.switch_page(session.page(session.CHAT_PAGE), query_params={"c": conversation.id})


def _menu(conversation: Conversation) -> None:
    with st.popover(text.CONVERSATION_MENU, icon=":material/more_horiz:", type="tertiary", key="menu"):
        key = f"title-{conversation.id}"
        st.text_input(
            text.TITLE, conversation.title, max_chars=200, key=key, on_change=_rename, args=(conversation.id, key)
        )
        st.download_button(
            text.EXPORT,
            lambda: session.call(lambda r: r.conversations.export_markdown(session.caller(), conversation.id)),
            file_name=f"{_file_name(conversation.title)}.md",
            mime="text/markdown",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
            key=f"export-{conversation.id}",
        )
        st.button(
            text.DELETE,
            icon=":material/delete:",
            width="stretch",
            key=f"delete-{conversation.id}",
            on_click=_delete,
            args=(conversation,),
        )


def _rename(conversation_id: str, key: str) -> None:
    title = str(st.session_state[key])
    session.attempt(lambda r: r.conversations.rename(session.caller(), conversation_id, title))


def _delete(conversation: Conversation) -> None:
    """No question asked: it can be undone."""
    session.attempt(lambda r: r.conversations.delete(session.caller(), conversation.id))
    session.open_conversation(None)
    st.session_state[DELETED] = Deleted(conversation.id, conversation.title)


def _offer_undo() -> None:
    deleted: Deleted | None = st.session_state.get(DELETED)
    if deleted is None:
        return
    with st.container(border=True, key="undo"):
        st.markdown(plain(text.deleted(text.shortened(deleted.title, 60))))
        st.button(text.UNDO, icon=":material/undo:", key="undo-delete", on_click=_restore, args=(deleted.id,))


def _restore(conversation_id: str) -> None:
    session.attempt(lambda r: r.conversations.restore(session.caller(), conversation_id))
    session.open_conversation(conversation_id)


def _file_name(title: str) -> str:
    return re.sub(r"[^\w-]+", "-", title).strip("-")[:60] or "conversation"
