"""Jobs of a knowledge base: how far they are, what became of each file, and the commands."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from sitechat.progress import ItemRecord, ItemState, ProgressRecord
from sitechat.storage.values import KnowledgeBase
from sitechat.ui import session, text
from sitechat.ui.markdown import plain

OPEN = {"pending", "in_progress", "paused"}
_EVERY = 1.0
"""Seconds between looks at a running job."""

_TROUBLES = 20
"""Files listed with their reason before the table."""


def draw(base: KnowledgeBase, jobs: Sequence[ProgressRecord]) -> None:
    """The jobs that are open, and the last one that ended."""
    if not jobs:
        return
    st.subheader(text.ACTIVITY, anchor=False)
    running = any(job.status in {"pending", "in_progress"} for job in jobs)
    st.fragment(_watch, run_every=_EVERY if running else None)(base, _shown(jobs))


def _shown(jobs: Sequence[ProgressRecord]) -> list[ProgressRecord]:
    ended = next((job for job in jobs if job.status not in OPEN), None)
    return [job for job in jobs if job.status in OPEN or job is ended]


def _watch(base: KnowledgeBase, before: Sequence[ProgressRecord]) -> None:
    jobs = _shown(session.call(lambda r: r.ingestion.progress(session.caller(), base.id)))
    if _states(jobs) != _states(before):
        st.rerun()  # documents and the health of the whole have changed with it
    for job in jobs:
        with st.container(border=True, key=f"job-{job.id}", gap="xsmall"):
            _job(job)


def _states(jobs: Sequence[ProgressRecord]) -> list[tuple[str, str, int]]:
    return [(job.id, job.status, job.processed_files) for job in jobs]


def _job(job: ProgressRecord) -> None:
    open_ = job.status in OPEN
    if open_:
        st.progress(min(1.0, job.progress_percentage / 100), plain(headline(job)))
        if line := where(job):
            st.caption(plain(line))
    else:
        st.markdown(plain(f"{text.JOB_STATES[job.status]}: {result(job)}"))
        if job.error_message:
            st.caption(plain(job.error_message))
    _commands(job)
    _files(job)


def headline(job: ProgressRecord) -> str:
    """``38 % · Preparing for search · 12 passages a second · about 4 min left``."""
    if job.status == "paused":
        return f"{job.progress_percentage:.0f} % · {text.JOB_STATES['paused']}"
    parts = [
        f"{job.progress_percentage:.0f} %",
        text.STAGES[job.stage] if job.current_file else text.JOB_STATES[job.status],
    ]
    parts += [text.rate(job.rate_per_second)] if job.rate_per_second else []
    parts += [text.time_left(job.eta_seconds)] if job.eta_seconds is not None else []
    return " · ".join(parts)


def where(job: ProgressRecord) -> str:
    """Which file, or why nothing moves."""
    if job.waiting_for:
        return text.stalled_on(job.waiting_for) if job.stalled else text.waiting_for(job.waiting_for)
    if job.queued_behind:
        return text.queued_behind(job.queued_behind)
    if job.stalled:
        return text.STALLED
    if job.current_file and job.status != "paused":
        return text.file_of(job.current_file_index, job.total_files, job.current_file)
    return ""


def result(job: ProgressRecord) -> str:
    return text.outcome(job.processed_files, job.skipped_files, job.failed_files)


def _commands(job: ProgressRecord) -> None:
    with st.container(horizontal=True, key=f"commands-{job.id}"):
        if job.status in {"pending", "in_progress"}:
            _command(job, "pause", text.PAUSE, "pause")
        if job.status == "paused":
            _command(job, "resume", text.RESUME, "play_arrow")
        if job.status in OPEN:
            _command(job, "cancel", text.CANCEL_JOB, "close")
        if job.kind in ("site", "bucket") and job.status not in OPEN:
            _command(job, "again", text.READ_AGAIN, "refresh")
        if job.failed_files and job.status not in {"pending", "in_progress"}:
            _command(job, "retry", text.RETRY_FAILED, "refresh")


def _command(job: ProgressRecord, name: str, label: str, icon: str) -> None:
    if st.button(label, icon=f":material/{icon}:", type="tertiary", key=f"{name}-{job.id}"):
        caller = session.caller()
        match name:
            case "pause":
                session.attempt(lambda r: r.ingestion.pause(caller, job.id))
            case "resume":
                session.attempt(lambda r: r.ingestion.resume(caller, job.id))
            case "cancel":
                session.attempt(lambda r: r.ingestion.cancel(caller, job.id))
            case "again":
                session.attempt(lambda r: r.ingestion.read_again(caller, job.id))
            case _:
                session.attempt(lambda r: r.ingestion.retry_failed(caller, job.id))
        st.rerun()


def _files(job: ProgressRecord) -> None:
    opened = st.expander(text.DETAILS, type="compact", key=f"files-of-{job.id}", on_change="rerun")
    counts: dict[ItemState, int] = {"failed": job.failed_files, "skipped": job.skipped_files}
    if job.kind in ("site", "bucket"):
        del counts["skipped"]  # most of what a site links to is left out: the table says why, by reason
    for state, count in counts.items():
        if count:
            for item in _items(job, state)[:_TROUBLES]:
                _trouble(item)
    if opened.open:
        items = _items(job)
        with opened:
            _table(job, items)


def _items(job: ProgressRecord, state: ItemState | None = None) -> list[ItemRecord]:
    return session.call(lambda r: r.ingestion.items(session.caller(), job.id, state))


def _table(job: ProgressRecord, items: Sequence[ItemRecord]) -> None:
    """All of them, to be sorted, searched and saved as CSV by the table itself; or those of one reason."""
    counts = Counter(item.cause for item in items if item.cause)
    if counts:
        chosen = st.pills(
            text.WHY,
            list(counts),
            format_func=lambda cause: f"{text.CAUSES.get(cause, cause)} ({counts[cause]:,})",
            key=f"why-{job.id}",
        )
        items = [item for item in items if chosen is None or item.cause == chosen]
    st.dataframe([_row(item) for item in items], hide_index=True, key=f"table-{job.id}")


def _trouble(item: ItemRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"failed-{item.id}"):
        icon = ":material/error:" if item.state == "failed" else ":material/block:"
        st.caption(f"{icon} **{plain(item.name)}** · {plain(item.reason)}", width="stretch")
        if item.retryable and st.button(
            text.RETRY_ONE, icon=":material/refresh:", type="tertiary", key=f"retry-item-{item.id}"
        ):
            session.attempt(lambda r: r.ingestion.retry_item(session.caller(), item.id))
            st.rerun()


def _row(item: ItemRecord) -> dict[str, str | int]:
    state = text.ITEM_STATES[item.state]
    if item.state == "in_progress":
        state = text.STAGES[item.stage]
    elif item.outcome == "unchanged":
        state = text.UNCHANGED
    elif item.outcome == "looked through":
        state = text.LOOKED_THROUGH
    return {
        text.STATE: state,
        text.NAME: item.name,
        text.WHY: text.CAUSES.get(item.cause, ""),
        text.REASON: item.reason,
        text.PASSAGES: item.chunks_total,
    }
