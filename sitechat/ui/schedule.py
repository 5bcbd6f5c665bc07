"""How often a source is read again: the usual choices, or a cron expression for everything else."""

import re
from dataclasses import dataclass
from datetime import time

import streamlit as st

from sitechat.errors import InvalidInput
from sitechat.ingestion.schedules import EXAMPLE, checked, described, zone_name
from sitechat.storage.values import KnowledgeSource
from sitechat.ui import session, text
from sitechat.ui.markdown import plain

_USUAL = time(6, 0)
_MINUTES = re.compile(r"(\d{1,2}) (\*|\d{1,2}) \* \* (\*|[0-6])")


@dataclass(frozen=True, slots=True)
class Choice:
    """``often`` is one of ``text.OFTEN``; ``weekday`` counts from Sunday, 0, as cron does."""

    often: str
    at: time = _USUAL
    weekday: int = 1
    written: str = ""

    @classmethod
    def of(cls, cron: str | None) -> "Choice":
        """What a person would have chosen to get ``cron``."""
        if cron is None:
            return cls("never")
        if cron == "0 * * * *":
            return cls("hourly")
        usual = _MINUTES.fullmatch(cron)
        if usual is None or usual[2] == "*":
            return cls("cron", written=cron)
        at = time(int(usual[2]), int(usual[1]))
        return cls("daily", at) if usual[3] == "*" else cls("weekly", at, int(usual[3]))

    @property
    def cron(self) -> str | None:
        match self.often:
            case "never":
                return None
            case "hourly":
                return "0 * * * *"
            case "daily":
                return f"{self.at.minute} {self.at.hour} * * *"
            case "weekly":
                return f"{self.at.minute} {self.at.hour} * * {self.weekday}"
            case _:
                return self.written


def edit(source: KnowledgeSource) -> None:
    """Choose and save."""
    before = Choice.of(source.schedule)
    names = list(text.OFTEN)
    often = st.selectbox(
        text.READ_BY_ITSELF,
        names,
        names.index(before.often),
        format_func=lambda name: text.OFTEN[name],
        key=f"often-{source.id}",
    )
    at, weekday, written = before.at, before.weekday, before.written
    if often == "weekly":
        weekday = st.selectbox(
            text.WEEKDAY,
            range(7),
            before.weekday,
            format_func=lambda day: text.WEEKDAYS[day],
            key=f"weekday-{source.id}",
        )
    if often in ("daily", "weekly"):
        at = st.time_input(text.AT, before.at, key=f"at-{source.id}") or _USUAL
    if often == "cron":
        written = (
            st.text_input(
                text.CRON,
                before.written,
                placeholder=EXAMPLE,
                help=text.CRON_HELP,
                max_chars=200,
                key=f"cron-{source.id}",
            )
            or ""
        )
    st.caption(plain(text.times_of(zone_name())))
    cron = Choice(often, at, weekday, written).cron
    problem = _problem(cron) if often == "cron" and written else None
    if problem is not None:
        st.error(plain(problem))  # here, since the top of the page may be out of sight
    st.button(text.SAVE, key=f"save-schedule-{source.id}", on_click=_save, args=(source.id, cron, problem))


def _problem(cron: str | None) -> str | None:
    try:
        checked(cron or "")
    except InvalidInput as error:
        return error.message
    return None


def _save(source_id: str, cron: str | None, problem: str | None) -> None:
    if problem is None:
        session.attempt(lambda r: r.ingestion.sources.schedule(session.caller(), source_id, cron))


def when(source: KnowledgeSource) -> str:
    """``At 06:00 every day, next on 3 May 2026, 06:00``, or that it is read by hand."""
    if source.schedule is None or source.next_at is None:
        return text.BY_HAND
    return text.scheduled(described(source.schedule), text.moment(session.local(source.next_at)))
