"""A job at work as people see it: one bar, where it stands, and why if it does not move.

Queued, working, stalled and paused each have a word, an icon and a colour of their own.
"""

from typing import Literal

import streamlit as st

from sitechat.progress import ProgressRecord
from sitechat.ui import text
from sitechat.ui.markdown import plain

State = Literal["queued", "working", "waiting", "stalled", "paused"]
_BADGES: dict[State, tuple[str, str]] = {
    "queued": (":material/schedule:", "gray"),
    "working": (":material/autorenew:", "green"),
    "waiting": (":material/hourglass_empty:", "blue"),
    "stalled": (":material/warning:", "orange"),
    "paused": (":material/pause:", "gray"),
}


def state(job: ProgressRecord) -> State:
    """What an open job is doing."""
    if job.status == "paused":
        return "paused"
    if job.stalled:
        return "stalled"
    if job.queued_behind or (job.status == "pending" and not job.waiting_for):
        return "queued"
    return "waiting" if job.waiting_for else "working"


def bar(job: ProgressRecord, *, badge: bool = True) -> None:
    """The bar under its badge, stage and percentage."""
    doing = state(job)
    icon, colour = _BADGES[doing]
    with st.container(horizontal=True, vertical_alignment="center", key=f"head-{job.id}", gap="small"):
        if badge:
            st.badge(text.DOING[doing], icon=icon, color=colour)  # type: ignore[arg-type]
        st.markdown(plain(stage(job)), width="stretch")
        st.markdown(f"**{text.percent(job.progress_percentage)}**", width="content")
    with st.container(key=f"bar-{doing}-{job.id}"):
        st.progress(min(1.0, job.progress_percentage / 100))


def stage(job: ProgressRecord) -> str:
    return text.STAGES[job.stage] if job.current_file and state(job) == "working" else ""


def facts(job: ProgressRecord) -> str:
    """``12 of 30 files · batch 3 of 8 · 96 of 240 passages · 12 passages a second · about 4 min left``."""
    done = job.processed_files + job.failed_files + job.skipped_files
    parts = [text.files_of(done, job.total_files, job.kind)]
    parts += [text.batch_of(job.current_batch, job.total_batches)] if job.total_batches else []
    parts += [text.passages_of(job.current_chunk, job.total_chunks)] if job.total_chunks else []
    if job.status == "in_progress":
        parts += [text.rate(job.rate_per_second)] if job.rate_per_second else []
        parts += [time_left(job)] if job.eta_seconds is not None else []
        parts += [text.FINDING_PAGES] if job.details.get("finding_pages") else []
    return " · ".join(parts)


def time_left(job: ProgressRecord) -> str:
    return text.time_left(job.eta_seconds or 0.0, job.eta_low, job.eta_high)


def where(job: ProgressRecord) -> str:
    """Which file, or why nothing moves."""
    if job.status == "paused":
        return ""
    if job.waiting_for:
        return text.stalled_on(job.waiting_for) if job.stalled else text.waiting_for(job.waiting_for)
    if job.queued_behind:
        return text.queued_behind(job.queued_behind)
    if job.stalled:
        return text.STALLED
    if job.current_file:
        return text.file_of(job.current_file_index, job.total_files, job.current_file)
    return ""


def draw(job: ProgressRecord, *, badge: bool = True, trouble: bool = False) -> None:
    """Everything about an open job but its commands and files. ``trouble``: also the last failure."""
    bar(job, badge=badge)
    lines = [plain(facts(job)), plain(where(job)) or "&nbsp;"]  # always two, so that nothing below them moves
    if trouble and job.error_message:
        lines.append(f":material/error: {plain(text.last_trouble(job.error_message))}")
    with st.container(key=f"facts-{job.id}"):
        st.caption("  \n".join(lines))
