"""Pages that draw themselves anew when jobs move: the server rings, and only the fragments that asked for it run.

The bell is a component in a fragment of its own, so that a ring never interrupts a script that follows an answer.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from sitechat.api.changes import Doorbell, doorbells
from sitechat.ingestion.activity import Activity
from sitechat.ui import assets, session

PATH = "/api/ws/changes"
_BELL = "bell"
_DOORBELL = "doorbell"
_ASKED = "rung_fragments"


@dataclass(slots=True)
class _Asked:
    """A fragment that wants to run, at most every ``pause`` seconds."""

    key: str
    pause: float
    ran_at: float


def begin() -> None:
    """At the beginning of each run of the whole page: nothing on it has asked for the bell yet."""
    st.session_state[_ASKED] = []
    _doorbell().every_change = False


def draw() -> None:
    """Mount the bell, once a page."""
    st.fragment(_mount, key=_BELL)()


def on_change(key: str, draw: Callable[[], None], *, every_change: bool = True, pause: float = 0.0) -> None:
    """Draw now, and again when something has changed.

    ``every_change``: also when a job only got on. ``pause``: seconds between two drawings, for what is large; a job
    that begins or ends draws the page anew anyway.
    """
    st.fragment(draw, key=key)()
    if _ASKED in st.session_state:  # else there is no bell on this page
        st.session_state[_ASKED].append(_Asked(key, pause, monotonic()))
        _doorbell().every_change |= every_change


def activity() -> Activity:
    """What the person's jobs are doing at this moment; what is drawn from it need not be rung for."""
    found = session.call(lambda r: r.ingestion.activity.now(session.caller()))
    if _ASKED in st.session_state:
        _doorbell().drawn(found.version, found.endings)
    return found


def _mount() -> None:
    path = st.get_option("server.baseUrlPath").strip("/")
    assets.bell({"path": f"/{path}{PATH}" if path else PATH, "token": _doorbell().token}, _rang)


def _rang() -> None:
    """What a ring runs: what has asked for it. Where that is not there, as after a run that was cut off, the bell.

    A ring that comes while a script is at work waits, and is put together with whatever else the page wants to run by
    then: the end of an answer, a click. Asking for fragments would take the place of that, so then it runs as it is.
    """
    if (beside := _runs_beside()) is None:
        return
    if beside:
        _doorbell().again()
        return
    at = monotonic()
    due = [asked for asked in st.session_state.get(_ASKED, ()) if at - asked.ran_at >= asked.pause]
    if due:
        for asked in due:
            asked.ran_at = at
        with suppress(StreamlitAPIException):
            st.rerun([asked.key for asked in due])


def _runs_beside() -> int | None:
    """How many fragments run with the bell's in this run; None where it is one of the whole page."""
    context = get_script_run_ctx()
    running = context.fragment_ids_this_run if context is not None else None
    return None if running is None else len(running) - 1


def _doorbell() -> Doorbell:
    if _DOORBELL not in st.session_state:
        st.session_state[_DOORBELL] = doorbells.make(session.caller())
    bell: Doorbell = st.session_state[_DOORBELL]
    return bell
