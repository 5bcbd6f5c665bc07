"""Jobs of a knowledge base: how far the open ones are, what became of the last one, and the commands."""

import functools
from collections.abc import Sequence

import streamlit as st

from sitechat.progress import ProgressRecord
from sitechat.ui import bell, changes, files, session, text, working
from sitechat.ui.markdown import plain

_FILES_EVERY = 3.0
"""Seconds between two drawings of a running job's files, which may be thousands."""


def draw(jobs: Sequence[ProgressRecord]) -> None:
    """The jobs that are open, and the last one that ended."""
    bell.on_change("turns", functools.partial(redraw_at_turns, bell.activity().endings))
    if not jobs:
        return
    st.subheader(text.ACTIVITY, anchor=False)
    for job in shown(jobs):
        with st.container(border=True, key=f"job-{job.id}", gap="xsmall"):
            if job.is_open:
                bell.on_change(f"working-{job.id}", functools.partial(_working, job))
                bell.on_change(f"files-{job.id}", functools.partial(files.draw, job.id), pause=_FILES_EVERY)
            else:
                st.fragment(_ended, key=f"ended-{job.id}")(job)


def shown(jobs: Sequence[ProgressRecord]) -> list[ProgressRecord]:
    ended = next((job for job in jobs if not job.is_open), None)
    return [job for job in jobs if job.is_open or job is ended]


def redraw_at_turns(drawn: int) -> None:
    """A job that begins, pauses or ends changes the whole page: its health, its documents, its history."""
    if bell.activity().endings != drawn:
        st.rerun()


def _working(job: ProgressRecord) -> None:
    now = next((each for each in bell.activity().jobs if each.id == job.id), job)
    working.draw(now)
    _commands(now)


def _ended(job: ProgressRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        icon, colour = _ENDS[job.status]
        st.badge(text.JOB_STATES[job.status], icon=icon, color=colour)  # type: ignore[arg-type]
        st.markdown(plain(text.result(job)), width="stretch")
    changes.draw(job.id)
    _commands(job)
    files.draw(job.id)


_ENDS = {
    "completed": (":material/check_circle:", "green"),
    "failed": (":material/error:", "red"),
    "cancelled": (":material/cancel:", "gray"),
}


def _commands(job: ProgressRecord) -> None:
    with st.container(horizontal=True, key=f"commands-{job.id}"):
        if job.status in {"pending", "in_progress"}:
            _command(job, "pause", text.PAUSE, "pause")
        if job.status == "paused":
            _command(job, "resume", text.RESUME, "play_arrow")
        if job.is_open:
            _command(job, "cancel", text.CANCEL_JOB, "close")
        if job.source_id is not None and not job.is_open:
            _command(job, "sync-of", text.READ_AGAIN, "refresh")
        if job.failed_files:
            _command(job, "retry", text.RETRY_FAILED, "refresh")


def _command(job: ProgressRecord, name: str, label: str, icon: str) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        type="tertiary",
        key=f"{name}-{job.id}",
        on_click=_obey,
        args=(name, job.id, job.source_id),
    )


def _obey(name: str, job_id: str, source_id: str | None) -> None:
    caller = session.caller()
    match name:
        case "pause":
            session.attempt(lambda r: r.ingestion.pause(caller, job_id))
        case "resume":
            session.attempt(lambda r: r.ingestion.resume(caller, job_id))
        case "cancel":
            session.attempt(lambda r: r.ingestion.cancel(caller, job_id))
        case "sync-of":
            session.attempt(lambda r: r.ingestion.sources.sync(caller, str(source_id)))
        case _:
            session.attempt(lambda r: r.ingestion.retry_failed(caller, job_id))
    st.rerun()
