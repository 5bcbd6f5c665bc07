"""What one browser session remembers, and how its pages call the engine."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import Page

from sitechat.errors import SiteChatError
from sitechat.identity import LOCAL, Caller
from sitechat.runtime import Runtime
from sitechat.storage.values import Turn
from sitechat.ui import engine
from sitechat.ui.markdown import plain

T = TypeVar("T")

CONVERSATION = "conversation"
"""In the page's address as ``?c=``, so that a reload finds it; kept here while another page is open."""

BASE = "knowledge_base"
MODEL = "model"
QUEUED = "queued_question"
NOTICE = "notice"
FOLLOWED = "followed_turn"
"""The turn that this session has just watched to its end."""

DELETED = "deleted_conversation"
DRAFT = "draft"
CHAT_PAGE = "chat"
KNOWLEDGE_PAGE = "knowledge"
EVALUATION_PAGE = "evaluation"
SETTINGS_PAGE = "settings"
_PAGES = "pages"


@dataclass(frozen=True, slots=True)
class Deleted:
    """A conversation that can be brought back."""

    id: str
    title: str


def caller() -> Caller:
    """Who is at this browser."""
    return LOCAL


def call(make: Callable[[Runtime], Coroutine[Any, Any, T]]) -> T:
    """Run a service's coroutine on the engine and wait. Raises ``SiteChatError``."""
    runtime = engine.runtime()
    return runtime.call(make(runtime))


def attempt(make: Callable[[Runtime], Coroutine[Any, Any, T]]) -> T | None:
    """As :func:`call`; a failure becomes one sentence on the page, and ``None``."""
    try:
        return call(make)
    except SiteChatError as error:
        st.session_state[NOTICE] = error.message
        return None


def conversation() -> str | None:
    """The open conversation: the address says, or what was open before another page was."""
    asked = st.query_params.get("c")
    if asked:
        st.session_state[CONVERSATION] = asked
        return asked
    kept: str | None = st.session_state.get(CONVERSATION)
    if kept:
        st.query_params["c"] = kept
    return kept


def current() -> str | None:
    """The open conversation, wherever the reader is."""
    shown: str | None = st.query_params.get("c") or st.session_state.get(CONVERSATION)
    return shown


def open_conversation(conversation_id: str | None) -> None:
    """Show a conversation, or with ``None`` the page that begins one."""
    st.session_state.pop(DELETED, None)
    st.session_state[CONVERSATION] = conversation_id
    if conversation_id:
        st.query_params["c"] = conversation_id
    elif "c" in st.query_params:
        del st.query_params["c"]


def remember_pages(pages: dict[str, Page]) -> None:
    st.session_state[_PAGES] = pages


def page(name: str) -> Page:
    """A page to switch to, by its name."""
    pages: dict[str, Page] = st.session_state[_PAGES]
    return pages[name]


def zone() -> tzinfo | None:
    """The reader's time zone, as the browser tells it."""
    try:
        return ZoneInfo(st.context.timezone) if st.context.timezone else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def now() -> datetime:
    return datetime.now().astimezone(zone())


def local(when: datetime) -> datetime:
    return when.astimezone(zone())


def fresh(name: str, what: object) -> DeltaGenerator:
    """A place to draw ``what`` into, emptied first where it showed something else.

    What an earlier run drew at a place otherwise stays beside what this run draws there until the run ends, which a
    run that follows an answer does not for a while.
    """
    if st.session_state.get(f"drawn_{name}") == what:
        return st.container(key=f"place-{name}")
    st.session_state[f"drawn_{name}"] = what
    place = st.empty()
    # The browser lets go of a block's content when a block of another kind takes its place; an empty element would be
    # dropped from the queue by what follows it.
    place.expander(" ")
    return place.container(key=f"place-{name}")


def show_notice() -> None:
    """What the last action could not do, once."""
    if message := st.session_state.pop(NOTICE, None):
        st.error(plain(message), icon=":material/error:")


def retry_at(turn: Turn) -> datetime | None:
    """When a failed question may be asked again, if it was said."""
    return turn.updated_at + timedelta(seconds=turn.retry_after) if turn.retry_after else None
