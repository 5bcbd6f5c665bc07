"""What a knowledge base has read so far: a row for each job that is over, the latest first."""

from typing import Any

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from sitechat.storage.job_history import PastJob
from sitechat.storage.values import KnowledgeBase
from sitechat.ui import session, text

_LEAST = 2
"""Points that make a line."""


def draw(base: KnowledgeBase) -> None:
    past = session.call(lambda r: r.ingestion.history(session.caller(), base.id))
    if not past:
        return
    st.subheader(text.HISTORY, anchor=False)
    st.dataframe([_row(job) for job in past], hide_index=True, key=f"history-{base.id}", column_config=_columns())


def _columns() -> dict[str, ColumnConfig]:
    """Widths in pixels, so that all of them are seen on a page of ordinary width."""
    return {
        text.WHEN: st.column_config.DatetimeColumn(format="D MMM, HH:mm", width=104),
        text.WHAT: st.column_config.TextColumn(width=150),
        text.RESULT: st.column_config.TextColumn(width=78),
        text.TOOK: st.column_config.TextColumn(width=82),
        text.INDEXED: st.column_config.NumberColumn(format="localized", width=64),
        text.UNCHANGED: st.column_config.NumberColumn(format="localized", width=84),
        text.SKIPPED: st.column_config.NumberColumn(format="localized", width=64),
        text.FAILED: st.column_config.NumberColumn(format="localized", width=54),
        text.SPEED: st.column_config.AreaChartColumn(help=text.SPEED_HELP, y_min=0, width=80),
    }


def _row(job: PastJob) -> dict[str, Any]:
    return {
        text.WHEN: session.local(job.ended_at),
        text.WHAT: text.what_was_read(job.kind, job.name, job.items),
        text.RESULT: text.JOB_STATES[job.status],
        text.TOOK: text.spent(job.seconds),
        text.INDEXED: job.indexed,
        text.UNCHANGED: job.unchanged,
        text.SKIPPED: job.skipped,
        text.FAILED: job.failed,
        text.SPEED: list(job.rates) if len(job.rates) >= _LEAST else None,
    }
