"""What the chat page waits for: a knowledge base's first pages, and what other tabs do to this conversation."""

import functools
from collections.abc import Sequence

import streamlit as st

from sitechat.errors import SiteChatError
from sitechat.progress import ProgressRecord
from sitechat.storage.values import KnowledgeBase, Thread
from sitechat.ui import bell, session, text
from sitechat.ui.markdown import plain


def draw(base: KnowledgeBase | None, *, reading: bool) -> None:
    """While not all of ``base`` can be asked yet: how far it is, or why not. The page comes alive by itself."""
    if base is not None and (not base.ready or reading):
        bell.on_change("preparing", functools.partial(_progress, base))


def is_reading(base: KnowledgeBase) -> bool:
    """Whether documents of ``base`` are still being read."""
    return session.call(lambda r: r.ingestion.is_reading(session.caller(), base.id))


def _progress(base: KnowledgeBase) -> None:
    job = _open_job(bell.activity().of(base.id))
    now = session.call(lambda r: r.knowledge.get(session.caller(), base.id))
    if now.ready != base.ready or (base.ready and job is None):
        st.rerun()
    if job is None:
        st.info(plain(text.nothing_to_serve(base.name)), icon=":material/library_books:")
        return
    left = text.time_left(job.eta_seconds) if job.eta_seconds is not None else ""
    say = text.still_reading if base.ready else text.being_prepared
    st.progress(min(1.0, job.progress_percentage / 100), plain(say(base.name, job.progress_percentage, left)))


def _open_job(jobs: Sequence[ProgressRecord]) -> ProgressRecord | None:
    return next((job for job in jobs if job.is_open), None)


@st.fragment(run_every=4.0)
def watch_other_tabs(thread: Thread) -> None:
    """Draw the page anew when this conversation was continued elsewhere."""
    try:
        pulse = session.call(lambda r: r.conversations.pulse(session.caller(), thread.conversation.id))
    except SiteChatError:
        return
    if pulse != thread.pulse:
        st.rerun()
