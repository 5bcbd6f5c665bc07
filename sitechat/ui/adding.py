"""Files and addresses into a knowledge base."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from sitechat.ingestion.s3.places import is_s3
from sitechat.ingestion.site.plan import MAX_DEPTH, MAX_MINUTES, MAX_PAGES, MOST_DEPTH, MOST_MINUTES, MOST_PAGES, site
from sitechat.ingestion.uploads import Upload
from sitechat.runtime import Runtime
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
            address = st.text_input(
                text.ADDRESS, placeholder=text.ADDRESS_EXAMPLE, icon=":material/link:", key="address"
            )
            sent = st.form_submit_button(text.ADD_PAGE, icon=":material/add_link:")
        how_far = st.radio(
            text.HOW_FAR, (text.ONE_PAGE, text.WHOLE_SITE), horizontal=True, key="how-far", label_visibility="collapsed"
        )
        scope = _limits()
        headers = _login()
        if sent:
            whole = how_far == text.WHOLE_SITE
            if session.attempt(lambda r: _added(r, base.id, address or "", scope if whole else None, headers)):
                st.toast(text.STARTED, icon=":material/check:")
            st.rerun()


def _limits() -> dict[str, Any]:
    """How far the reading of a website goes."""
    with st.expander(text.SITE_LIMITS, type="compact"):
        pages = st.number_input(text.MAX_PAGES, 1, MOST_PAGES, MAX_PAGES, key="max-pages")
        depth = st.number_input(text.MAX_DEPTH, 0, MOST_DEPTH, MAX_DEPTH, key="max-depth")
        minutes = st.number_input(text.MAX_MINUTES, 1, MOST_MINUTES, MAX_MINUTES, key="max-minutes")
        include = st.text_input(text.INCLUDE, placeholder=text.PATTERN_EXAMPLE, help=text.PATTERN_HELP, key="include")
        exclude = st.text_input(text.EXCLUDE, placeholder=text.PATTERN_EXAMPLE, help=text.PATTERN_HELP, key="exclude")
    return {
        "max_pages": int(pages),
        "max_depth": int(depth),
        "max_minutes": int(minutes),
        "include": _patterns(include),
        "exclude": _patterns(exclude),
    }


def _login() -> list[str]:
    """The headers of a login, which are gone from the page as soon as they are sent."""
    with st.expander(text.LOGIN, type="compact"):
        st.caption(text.LOGIN_HELP)
        written = st.text_area(text.LOGIN_HEADERS, placeholder=text.LOGIN_EXAMPLE, height=100, key="login-headers")
    return (written or "").splitlines()


def _patterns(written: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (written or "").split(",") if part.strip())


async def _added(
    runtime: Runtime, base_id: str, address: str, limits: dict[str, Any] | None, headers: list[str]
) -> str:
    if is_s3(address):
        return await runtime.ingestion.add_bucket(session.caller(), base_id, address)
    if limits is None:
        return await runtime.ingestion.add_url(session.caller(), base_id, address, headers)
    return await runtime.ingestion.add_site(session.caller(), base_id, site(address, **limits), headers)
