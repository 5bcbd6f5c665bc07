"""Pictures, the style sheet and the scripts of the page: constants, with nothing of a model or a person in them."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent
FAVICON = str(_FOLDER / "favicon.png")
LOGO = str(_FOLDER / "logo.svg")
READER_AVATAR = ":material/person:"
ANSWER_AVATAR = str(_FOLDER / "logo.svg")


@cache
def _style() -> str:
    return f"<style>{(_FOLDER / 'style.css').read_text(encoding='utf-8')}</style>"


@cache
def _script(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def style() -> None:
    """Put the style sheet on the page."""
    st.html(_style())


def reader(data: Mapping[str, Any]) -> None:
    """Mount ``reader.js``, once a page: its text travels with every mount. ``data`` is only ever shown as text."""
    mount = st.components.v2.component("sitechat_reader", js=_script("reader.js"))
    mount(key="reader", data=dict(data), height=1)


def bell(data: Mapping[str, Any], on_ring: Callable[[], None]) -> None:
    """Mount ``bell.js``, which calls ``on_ring`` on this session when the server rings."""
    mount = st.components.v2.component("sitechat_bell", js=_script("bell.js"))
    mount(key="bell-component", data=dict(data), height=1, on_rang_change=on_ring)
