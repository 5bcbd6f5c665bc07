"""What a knowledge base is fed from: read again now or by itself, or forget it."""

import streamlit as st

from sitechat.storage.values import KnowledgeBase, KnowledgeSource
from sitechat.ui import schedule, session, text
from sitechat.ui.markdown import plain

_ICONS = {"site": "language", "url": "link", "files": "folder"}


def draw(base: KnowledgeBase) -> None:
    """Nothing where all documents were uploaded."""
    found = session.call(lambda r: r.ingestion.sources.of(session.caller(), base.id))
    if not found:
        return
    st.subheader(text.SOURCES, anchor=False)
    for source in found:
        with st.container(border=True, key=f"feed-{source.id}", gap="xsmall"):
            _card(source)


def _card(source: KnowledgeSource) -> None:
    st.markdown(f":material/{_ICONS.get(source.kind, 'folder')}: **{plain(text.shortened(source.name, 120))}**")
    facts = [text.count(source.documents, "document")]
    facts += [text.missing(source.missing)] if source.missing else []
    facts += [text.read(text.ago(source.read_at, session.now()))] if source.read_at else []
    st.caption(" · ".join(plain(fact) for fact in [*facts, schedule.when(source)]))
    with st.container(horizontal=True, key=f"feed-commands-{source.id}"):
        st.button(
            text.READ_AGAIN,
            icon=":material/refresh:",
            type="tertiary",
            key=f"sync-{source.id}",
            disabled=source.open_job_id is not None,
            help=text.BEING_READ if source.open_job_id is not None else None,
            on_click=_sync,
            args=(source.id,),
        )
        with st.popover(text.SCHEDULE, icon=":material/schedule:", type="tertiary", key=f"schedule-{source.id}"):
            schedule.edit(source)
        with st.popover(text.REMOVE, icon=":material/delete:", type="tertiary", key=f"remove-{source.id}"):
            _remove(source)


def _sync(source_id: str) -> None:
    if session.attempt(lambda r: r.ingestion.sources.sync(session.caller(), source_id)):
        st.toast(text.STARTED, icon=":material/check:")


def _remove(source: KnowledgeSource) -> None:
    st.caption(plain(text.remove_source_warning(source.name)))
    for with_documents, label, name in (
        (False, text.KEEP_DOCUMENTS, "keep"),
        (True, text.remove_documents(source.documents), "drop"),
    ):
        key = f"{name}-documents-{source.id}"
        st.button(label, key=key, on_click=_removed, args=(source.id, with_documents))


def _removed(source_id: str, with_documents: bool) -> None:
    session.attempt(lambda r: r.ingestion.sources.remove(session.caller(), source_id, with_documents=with_documents))
