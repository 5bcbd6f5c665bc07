"""Files and addresses into a knowledge base."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from sitechat.ingestion.service import Upload
from sitechat.storage.values import KnowledgeBase
from sitechat.ui import engine, session, text

_ROUND = "uploads_taken"
"""Counts uploads: a field with a new key is an empty field."""


def draw(base: KnowledgeBase) -> None:
    st.subheader(text.ADD_DOCUMENTS, anchor=False)
    _files(base)
    _address(base)


def _files(base: KnowledgeBase) -> None:
    taken = int(st.session_state.get(_ROUND, 0))
    files: Sequence[UploadedFile] = st.file_uploader(
        text.FILES,
        accept_multiple_files=True,
        key=f"files-{base.id}-{taken}",
        max_upload_size=engine.runtime().settings.max_file_mb,
        help=text.FILES_HELP,
    )
    if files:
        st.button(
            text.add_files(len(files)),
            type="primary",
            icon=":material/upload:",
            key="add-files",
            on_click=_add_files,
            args=(base.id, files, taken),
        )


def _add_files(base_id: str, files: Sequence[UploadedFile], taken: int) -> None:
    uploads = [Upload(file.name, file) for file in files]
    if session.attempt(lambda r: r.ingestion.add_uploads(session.caller(), base_id, uploads)):
        st.session_state[_ROUND] = taken + 1
        st.toast(text.STARTED, icon=":material/check:")


def _address(base: KnowledgeBase) -> None:
    with st.form("add-page", clear_on_submit=True, border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            address = st.text_input(text.ADDRESS, placeholder=text.ADDRESS_EXAMPLE, type="url", key="address")
            sent = st.form_submit_button(text.ADD_PAGE, icon=":material/add_link:")
        if sent:
            if session.attempt(lambda r: r.ingestion.add_url(session.caller(), base.id, address or "")):
                st.toast(text.STARTED, icon=":material/check:")
            st.rerun()
