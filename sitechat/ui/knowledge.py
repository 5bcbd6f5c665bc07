"""The knowledge page: all knowledge bases as cards, or one of them opened."""

import asyncio
import functools
from collections.abc import Mapping, Sequence

import streamlit as st

from sitechat.errors import NotFound
from sitechat.progress import ProgressRecord
from sitechat.runtime import Runtime
from sitechat.storage.values import KnowledgeBase
from sitechat.ui import activity, adding, bell, documents, history, session, source_list, text, working
from sitechat.ui.markdown import plain

_DOCUMENTS_EVERY = 5.0
"""Seconds between two drawings of the documents while files are being read."""
_COLOURS = {
    "ready": "green",
    "working": "blue",
    "queued": "gray",
    "stalled": "orange",
    "paused": "gray",
    "attention": "orange",
    "empty": "gray",
}


def page() -> None:
    opened = _opened()
    with st.container(key="notice"):
        session.show_notice()
    with session.fresh("knowledge", opened.id if opened else None):
        if opened is None:
            _all()
        else:
            _one(opened)


def _opened() -> KnowledgeBase | None:
    base_id = st.query_params.get("base")
    if not base_id:
        return None
    try:
        return session.call(lambda r: r.knowledge.get(session.caller(), base_id))
    except NotFound as error:
        _open(None)
        st.session_state[session.NOTICE] = error.message
        return None


def _open(base_id: str | None) -> None:
    if base_id:
        st.query_params["base"] = base_id
    elif "base" in st.query_params:
        del st.query_params["base"]


def health(base: KnowledgeBase, jobs: Sequence[ProgressRecord]) -> str:
    """One of ``text.HEALTH``: what someone should know of it at a glance."""
    moving = [job for job in jobs if job.status in {"pending", "in_progress"}]
    if any(job.stalled for job in moving):
        return "stalled"
    if moving:
        return "working" if any(not job.queued_behind for job in moving) else "queued"
    if any(job.status == "paused" for job in jobs):
        return "paused"
    if jobs and jobs[0].failed_files:
        return "attention"
    return "ready" if base.ready else "empty"


# All


def _all() -> None:
    st.title(text.KNOWLEDGE, anchor=False)
    st.markdown(text.KNOWLEDGE_INTRO)
    with st.popover(text.CREATE, icon=":material/add:", key="create"):
        _create()
    jobs = {base.id: found for base, found in session.call(_with_jobs)}
    bell.on_change("cards", functools.partial(_cards, jobs, bell.activity().endings))


async def _with_jobs(runtime: Runtime) -> list[tuple[KnowledgeBase, list[ProgressRecord]]]:
    caller = session.caller()
    bases = await runtime.knowledge.visible(caller)
    jobs = await asyncio.gather(*(runtime.ingestion.progress(caller, base.id) for base in bases))
    return list(zip(bases, jobs, strict=True))


def _cards(ended: Mapping[str, Sequence[ProgressRecord]], drawn: int) -> None:
    """``ended``: the jobs as they were when the page was drawn; what has moved since is asked for."""
    activity.redraw_at_turns(drawn)
    now = bell.activity()
    bases = session.call(lambda r: r.knowledge.visible(session.caller()))
    if not bases:
        st.info(text.NO_BASES, icon=":material/library_books:")
    for base in bases:
        moving = {job.id: job for job in now.of(base.id)}
        _card(base, [moving.get(job.id, job) for job in ended.get(base.id, ())])


def _card(base: KnowledgeBase, jobs: Sequence[ProgressRecord]) -> None:
    with st.container(border=True, key=f"base-{base.id}", gap="xsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{plain(base.name)}**", width="content")
            _badge(base, jobs)
        if base.description:
            st.caption(plain(base.description))
        facts = [text.base_facts(base.documents, base.chunks), text.updated(text.ago(base.updated_at, session.now()))]
        st.caption(" · ".join(plain(fact) for fact in facts))
        for job in jobs:
            if job.is_open:
                same = text.DOING[working.state(job)] == text.HEALTH[health(base, jobs)]
                working.draw(job, badge=not same, trouble=True)
        st.button(text.OPEN, icon=":material/arrow_forward:", key=f"enter-{base.id}", on_click=_enter, args=(base.id,))


def _enter(base_id: str) -> None:
    _open(base_id)
    st.rerun()  # the whole page: the button stands in a fragment


def _badge(base: KnowledgeBase, jobs: Sequence[ProgressRecord]) -> None:
    state = health(base, jobs)
    st.badge(text.HEALTH[state], color=_COLOURS[state])  # type: ignore[arg-type]


def _create() -> None:
    with st.form("create-base", border=False, clear_on_submit=True):
        name = st.text_input(text.NAME, placeholder=text.NAME_EXAMPLE, max_chars=100)
        description = st.text_area(text.DESCRIPTION, max_chars=2000)
        if st.form_submit_button(text.CREATE_BUTTON, type="primary"):
            made = session.attempt(lambda r: r.knowledge.create(session.caller(), name or "", description or ""))
            if made is not None:
                _open(made.id)
            st.rerun()


# One


def _one(base: KnowledgeBase) -> None:
    jobs = session.call(lambda r: r.ingestion.progress(session.caller(), base.id))
    st.button(
        text.ALL_BASES, icon=":material/arrow_back:", type="tertiary", key="all-bases", on_click=_open, args=(None,)
    )
    with st.container(horizontal=True, vertical_alignment="center", key="head-of-base"):
        st.title(plain(base.name), anchor=False, width="content")
        _badge(base, jobs)
        with st.popover(text.BASE_MENU, icon=":material/more_horiz:", type="tertiary", key="menu-base"):
            _manage(base)
    if base.description:
        st.caption(plain(base.description))
    adding.draw(base)
    activity.draw(jobs)
    source_list.draw(base)
    history.draw(base)
    bell.on_change("documents", functools.partial(documents.draw, base), pause=_DOCUMENTS_EVERY)


def _manage(base: KnowledgeBase) -> None:
    with st.form("rename-base", border=False):
        name = st.text_input(text.NAME, base.name, max_chars=100)
        if st.form_submit_button(text.RENAME):
            session.attempt(lambda r: r.knowledge.rename(session.caller(), base.id, name or ""))
            st.rerun()
    st.caption(plain(text.delete_base_warning(base.name, base.documents)))
    st.button(text.DELETE_FOR_GOOD, icon=":material/delete:", key="delete-base", on_click=_delete, args=(base.id,))


def _delete(base_id: str) -> None:
    session.attempt(lambda r: r.knowledge.delete(session.caller(), base_id))
    _open(None)
