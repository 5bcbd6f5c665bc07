"""A bug in a page: one sentence for the reader, the rest for the log."""

import logging

import streamlit as st

from sitechat.errors import SiteChatError
from sitechat.ui import text
from sitechat.ui.markdown import plain

log = logging.getLogger(__name__)


def show(error: Exception) -> bool:
    """For ``st.App(on_script_error=…)``; True: Streamlit need not show anything itself."""
    if isinstance(error, SiteChatError):
        st.error(plain(error.message), icon=":material/error:")
    else:
        log.error("a page failed", exc_info=error)
        st.error(text.BROKE, icon=":material/error:")
    return True
