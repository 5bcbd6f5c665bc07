"""The settings page: what is in force, what works, and how to change it. Nothing is set here, no secret is shown."""

import streamlit as st

from sitechat import __version__
from sitechat.errors import SiteChatError
from sitechat.settings import Settings, mask, variable_name
from sitechat.ui import engine, session, text
from sitechat.ui.markdown import plain


def page() -> None:
    runtime = engine.runtime()
    status = runtime.status()
    st.title(text.SETTINGS, anchor=False)
    st.markdown(text.SETTINGS_INTRO)
    for notice in status.notices:
        st.warning(plain(notice), icon=":material/info:")
    _language_model()
    with st.container(border=True, key="search-model"):
        st.markdown(f"**{text.SEARCH_MODEL}**")
        st.markdown(f"{_code(runtime.settings.embedding)} · {text.SEARCH_STATES[status.search.name]}")
        if status.search.name == "failed":
            st.error(plain(status.search.message))
    with st.container(border=True, key="about"):
        st.markdown(f"**{text.DATA_FOLDER}**  \n{_code(str(runtime.settings.data_dir.resolve()))}")
        st.markdown(f"**{text.VERSION}**  \n{text.PRODUCT} {plain(__version__)}")
    with st.expander(text.ALL_SETTINGS, icon=":material/list:"):
        st.table(rows(runtime.settings), hide_index=True)


def _language_model() -> None:
    models = engine.runtime().models
    with st.container(border=True, key="language-model"):
        st.markdown(f"**{text.LANGUAGE_MODEL}**")
        st.markdown(" · ".join(_code(name) for name in models.names()))
        if models.default == "extractive":
            st.caption(text.NO_KEY)
        with st.container(horizontal=True):
            tested = st.button(text.TEST_MODEL, icon=":material/network_check:", key="test-model")
            with st.popover(text.SET_A_KEY, icon=":material/key:", type="tertiary", key="set-key"):
                st.markdown(text.NO_KEY_STEPS)
        if tested:
            _test(models.default)


def _test(model: str) -> None:
    with st.spinner(text.TESTING):
        try:
            found = session.call(lambda r: r.models.check(model))
        except SiteChatError as error:
            st.error(plain(error.message), icon=":material/error:")
        else:
            st.success(plain(found), icon=":material/check:")


def rows(settings: Settings) -> list[dict[str, str]]:
    """Every setting with its variable, its value (secrets masked) and its meaning."""
    return [
        {text.SETTING: name, text.VALUE: _shown(name, getattr(settings, field)), text.MEANING: info.description or ""}
        for field, info in Settings.model_fields.items()
        for name in [variable_name(field)]
    ]


def _shown(name: str, value: object) -> str:
    return text.NOT_SET if value in (None, "") else mask(name, value)


def _code(value: str) -> str:
    return f"`{value.replace('`', '')}`"
