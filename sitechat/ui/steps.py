"""The status line of an answer: what it says at each moment, and the list of steps it opens to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sitechat.events import Notice, Status, Step, steps_with
from sitechat.storage.values import Message
from sitechat.ui import text
from sitechat.ui.markdown import plain

QUICK = 0.1
"""Seconds: a step shorter than this is listed, but never shown in the status line, where it would flicker."""


@dataclass(slots=True)
class StatusLine:
    """Times in seconds of one clock. ``label`` is plain text."""

    label: str = text.THINKING
    steps: list[Status] = field(default_factory=list)
    _next: tuple[Step, str, float] | None = None
    _retry_at: float | None = None
    _notice: str | None = None

    def status(self, event: Status, now: float) -> None:
        self._retry_at = self._notice = None
        if event.is_end:
            self.steps = steps_with(self.steps, event)
            if self._next is not None and self._next[0] == event.step:
                self._next = None
        else:
            self._next = (event.step, event.message, now + QUICK)

    def notice(self, event: Notice, now: float) -> None:
        self._notice = event.message
        self._retry_at = now + event.seconds if event.kind == "retrying" and event.seconds is not None else None
        if event.kind == "waiting" and event.seconds is not None:
            self._notice = text.waiting(event.seconds)

    def text_began(self) -> None:
        """The first words are here: nothing is being waited for any more."""
        self._retry_at = self._notice = None

    def at(self, now: float) -> str:
        """The line as it should read now."""
        if self._next is not None and now >= self._next[2]:
            self.label, self._next = self._next[1], None
        if self._retry_at is not None:
            return text.retrying_in(max(0.0, self._retry_at - now))
        return self._notice or self.label


def listed(steps: Sequence[Status]) -> str:
    """Finished steps as Markdown, one a line: message, numbers, time."""
    return "  \n".join(_line(step) for step in steps if step.is_end)


def _line(step: Status) -> str:
    spent = (step.detail or {}).get("ms")
    time = text.spent(float(spent) / 1000) if isinstance(spent, int | float) else ""
    return " · ".join(plain(part) for part in (step.message, text.step_numbers(step.detail), time) if part)


def summary(message: Message) -> str:
    """How the status line of a finished answer reads."""
    seconds = message.metadata.duration_ms / 1000 if message.metadata else 0.0
    if message.state == "stopped":
        return text.stopped_after(seconds)
    if message.refused:
        return text.not_answered(_searched(message.steps), seconds)
    return text.answered(len({citation.document_id for citation in message.citations}), seconds)


def _searched(steps: Sequence[Status]) -> int:
    pages = [(step.detail or {}).get("pages") for step in steps if step.step == "retrieving"]
    return next((page for page in pages if isinstance(page, int)), 0)
