"""The files and pages of a job: those that need somebody first, then all of them in a table."""

import csv
import functools
import io
from collections import Counter
from collections.abc import Callable, Sequence

import streamlit as st

from sitechat.progress import ItemRecord
from sitechat.ui import session, text
from sitechat.ui.markdown import plain

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_TROUBLES = 20
"""Files listed with their reason before the table."""


def draw(job_id: str) -> None:
    job = session.call(lambda r: r.ingestion.job(session.caller(), job_id))
    if job.failed_files:
        _troubles(job_id, "failed")
    if job.skipped_files and (job.kind != "site" or (job.completed_at is not None and not job.ready_files)):
        _troubles(job_id, "skipped")  # much of what a site links to is left out: the table says why, by reason
    opened = st.expander(text.DETAILS, type="compact", key=f"files-of-{job_id}", on_change="rerun")
    if opened.open:
        items = session.call(lambda r: r.ingestion.items(session.caller(), job_id))
        with opened:
            _leave_out(job_id, [item for item in items if item.state in ("pending", "in_progress")])
            _table(job_id, items)


def _troubles(job_id: str, state: str) -> None:
    found = session.call(lambda r: r.ingestion.items(session.caller(), job_id, state))  # type: ignore[arg-type]
    for item in found[:_TROUBLES]:
        _trouble(item)
    if len(found) > _TROUBLES:
        st.caption(plain(text.more_below(len(found) - _TROUBLES)))


def _trouble(item: ItemRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"failed-{item.id}"):
        icon = ":material/error:" if item.state == "failed" else ":material/block:"
        st.caption(f"{icon} **{plain(item.name)}** · {plain(item.reason)}", width="stretch")
        if item.retryable:
            _button(text.RETRY_ONE, "refresh", f"retry-item-{item.id}", _retry, item.id)


def _button(label: str, icon: str, key: str, do: Callable[[str], None], item_id: str) -> None:
    st.button(label, icon=f":material/{icon}:", type="tertiary", key=key, on_click=do, args=(item_id,))


def _retry(item_id: str) -> None:
    session.attempt(lambda r: r.ingestion.retry_item(session.caller(), item_id))
    st.rerun()


def _leave_out(job_id: str, items: Sequence[ItemRecord]) -> None:
    """One file that is not done yet, chosen by its name."""
    if not items:
        return
    names = {item.id: item.name for item in items}
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"leave-out-{job_id}"):
        chosen = st.selectbox(
            text.LEAVE_OUT,
            list(names),
            index=None,
            format_func=lambda item_id: names.get(item_id, ""),
            placeholder=text.LEAVE_OUT_WHICH,
            label_visibility="collapsed",
            key=f"choose-out-{job_id}",
        )
        st.button(
            text.LEAVE_OUT,
            icon=":material/close:",
            key=f"out-{job_id}",
            disabled=chosen is None,
            on_click=_cancel,
            args=(chosen,),
        )


def _cancel(item_id: str | None) -> None:
    if item_id is not None:
        session.attempt(lambda r: r.ingestion.cancel_item(session.caller(), item_id))
    st.rerun()


def _table(job_id: str, items: Sequence[ItemRecord]) -> None:
    """All of them, to be sorted and searched by the table itself and saved as CSV; or those of one reason."""
    counts = Counter(item.cause for item in items if item.cause)
    if counts:
        chosen = st.pills(
            text.WHY,
            list(counts),
            format_func=lambda cause: f"{text.CAUSES.get(cause, cause)} ({counts[cause]:,})",
            key=f"why-{job_id}",
        )
        items = [item for item in items if chosen is None or item.cause == chosen]
    rows = [_row(item) for item in items]
    st.dataframe(rows, hide_index=True, key=f"table-{job_id}")
    st.download_button(
        text.SAVE_AS_CSV,
        functools.partial(_csv, rows),
        file_name=text.CSV_NAME,
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"csv-{job_id}",
    )


def _csv(rows: Sequence[dict[str, str | int]]) -> bytes:
    """As spreadsheets read it: with a mark of its encoding, and no cell that they would take for a formula."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]) if rows else [])
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"'{cell}" if str(cell).startswith(_FORMULAS) else cell for name, cell in row.items()})
    return file.getvalue().encode("utf-8-sig")


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
