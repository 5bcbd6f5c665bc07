"""A word when one of the person's own jobs has ended, on whatever page they are; once for each end and session."""

import functools
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from sitechat.errors import NotFound
from sitechat.progress import ProgressRecord
from sitechat.runtime import Runtime
from sitechat.storage.values import KnowledgeBase
from sitechat.ui import bell, session, text
from sitechat.ui.markdown import plain

_SINCE = "session_began"
_TOLD = "jobs_told"


def draw() -> None:
    bell.on_change("finished", _announce, every_change=False)


def _announce() -> None:
    since: datetime = st.session_state.setdefault(_SINCE, datetime.now(UTC))
    told: set[tuple[str, datetime]] = st.session_state.setdefault(_TOLD, set())
    for job in reversed(bell.activity().jobs):
        ended = job.completed_at
        if job.status not in ("completed", "failed") or ended is None or ended < since or (job.id, ended) in told:
            continue
        told.add((job.id, ended))
        try:
            base = session.call(functools.partial(_base, job.knowledge_base_id))
        except NotFound:
            continue
        _toast(base.name, job)


def _base(base_id: str, runtime: Runtime) -> Coroutine[Any, Any, KnowledgeBase]:
    return runtime.knowledge.get(session.caller(), base_id)


def _toast(name: str, job: ProgressRecord) -> None:
    icon = ":material/error:" if job.failed_files else ":material/check_circle:"
    st.toast(plain(text.job_ended(name, text.result(job))), icon=icon, duration="long")
