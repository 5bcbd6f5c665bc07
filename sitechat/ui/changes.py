"""What a reading changed: one line, which opens to the lists."""

from collections.abc import Sequence

import streamlit as st

from sitechat.changes import Change, ChangeReport
from sitechat.ui import session, text
from sitechat.ui.markdown import plain


def draw(job_id: str) -> None:
    """For a job that has ended; nothing where no document was met."""
    report = session.call(lambda r: r.ingestion.sources.changes(session.caller(), job_id))
    if report.note:
        st.caption(f":material/info: {plain(report.note)}")
    if not report.summary:
        return
    if not report.changes:
        st.caption(plain(report.summary))
        return
    opened = st.expander(plain(report.summary), type="compact", key=f"changes-of-{job_id}", on_change="rerun")
    if opened.open:
        with opened:
            for kind, heading in text.CHANGES.items():
                _listed(heading, report, [change for change in report.changes if change.kind == kind])


def _listed(heading: str, report: ChangeReport, changes: Sequence[Change]) -> None:
    if not changes:
        return
    lines = [f"- {plain(_line(change))}" for change in changes]
    more = getattr(report, changes[0].kind) - len(changes)
    lines += [f"- {plain(text.and_more(more))}"] if more else []
    st.markdown("\n".join([f"**{heading}**", "", *lines]))


def _line(change: Change) -> str:
    if change.reason:
        return f"{change.name}: {change.reason}"
    return f"{change.name} · {text.count(change.passages, 'passage')}" if change.passages else change.name
