"""The documents of a knowledge base: find, open, delete."""

import streamlit as st

from sitechat.storage.values import Document, KnowledgeBase
from sitechat.ui import session, sources, text
from sitechat.ui.markdown import plain

PER_PAGE = 25
SHOWN_FLAGS = 3


def draw(base: KnowledgeBase) -> None:
    st.subheader(text.DOCUMENTS, anchor=False)
    found = session.call(lambda r: r.knowledge.documents(session.caller(), base.id))
    if not found:
        st.caption(text.NO_DOCUMENTS)
        return
    if len(found) > PER_PAGE:
        words = st.text_input(
            text.FIND_DOCUMENT, placeholder=text.FIND_DOCUMENT, label_visibility="collapsed", key="find-document"
        )
        found = [document for document in found if _matches(document, words or "")]
    pages = max(1, -(-len(found) // PER_PAGE))
    page = st.pagination(pages, key="documents-page") if pages > 1 else 1
    with st.container(gap="xsmall", key="documents"):
        for document in found[(page - 1) * PER_PAGE : page * PER_PAGE]:
            _row(document)


def _matches(document: Document, words: str) -> bool:
    everything = f"{document.title} {document.uri}".casefold()
    return all(word in everything for word in words.casefold().split())


def _row(document: Document) -> None:
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=f"document-{document.id}"):
        with st.container(gap=None):
            st.link_button(
                plain(document.title),
                source_of(document),
                icon=sources.icon(source_of(document)),
                type="tertiary",
                key=f"source-of-{document.id}",
                help=plain(text.OPEN_SOURCE),
            )
            facts = [
                document.uri.removeprefix("file:"),
                text.LANGUAGES.get(document.language, document.language),
                text.size(document.size),
                text.count(document.chunk_count, "passage"),
                text.read(text.ago(document.read_at, session.now())),
            ]
            st.caption(" · ".join(plain(fact) for fact in facts if fact))
            if document.missing_since is not None:
                since = text.day(session.local(document.missing_since))
                st.caption(f":material/link_off: {plain(text.missing_since(since))}")
            for flag in document.flags[:SHOWN_FLAGS]:
                st.caption(f":material/warning: {plain(text.flagged(flag['kind'], flag['excerpt']))}")
        with st.popover(text.DELETE, icon=":material/delete:", type="tertiary", key=f"menu-{document.id}"):
            st.caption(plain(text.delete_document_warning(document.title)))
            st.button(text.DELETE_FOR_GOOD, key=f"delete-document-{document.id}", on_click=_delete, args=(document.id,))


def source_of(document: Document) -> str:
    """Where a reader sees the document: the page it was read from, the PDF itself, or its text as we read it."""
    if document.uri.startswith(("http://", "https://")):
        return document.uri
    if document.media_type == "application/pdf":
        return f"/source/{document.id}/file#page=1"
    return f"/source/{document.id}"


def _delete(document_id: str) -> None:
    session.attempt(lambda r: r.knowledge.delete_document(session.caller(), document_id))
