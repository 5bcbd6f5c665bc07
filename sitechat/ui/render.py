"""A running answer on the page: the one place where events become widgets."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

import streamlit as st

from sitechat.chat.feed import TurnFeed
from sitechat.events import (
    Answered,
    Citation,
    Event,
    Failed,
    Gap,
    Notice,
    Snapshot,
    Status,
    Stopped,
    Terminal,
    Token,
)
from sitechat.ui import evidence
from sitechat.ui.markdown import plain
from sitechat.ui.steps import StatusLine, listed
from sitechat.ui.stream import Crowd, Freezer, Pacer, addition

POLL = 0.2
"""Seconds at most until a Stop, or anything else that was clicked, is noticed."""

CROWD = Crowd()
"""The answers being shown by this process."""


@dataclass(frozen=True, slots=True)
class Update:
    """The whole text of the element now being written; ``final``: the next update begins a new element."""

    text: str
    final: bool


class TurnView:
    """Draws a turn into the current container while it runs."""

    def __init__(self) -> None:
        self.ending: Terminal | None = None
        self._line = StatusLine()
        self._shown_line = self._line.label
        self._status = st.status(plain(self._shown_line), type="compact")
        self._steps = self._status.empty()
        self._body = st.container(key="answer-live")
        self._freezer = Freezer()
        self._pacer = Pacer(CROWD)
        self._began = False
        self._changed = False

    def follow(self, feed: TurnFeed) -> Terminal | None:
        """Draw until the turn ends; None where the feed ended without saying how."""
        with CROWD.joined():
            updates = self._updates(feed)
            update = next(updates, None)
            while update is not None:
                run = _Run(updates, update)
                slot = self._body.empty()
                while run.carry is not None and not run.full:
                    slot.write_stream(run.pieces())
                update = run.carry
        return self.ending

    def show(self, event: Event) -> None:
        match event:
            case Status():
                self._line.status(event, time.monotonic())
                self._steps.markdown(listed(self._line.steps))
            case Notice():
                self._line.notice(event, time.monotonic())
            case Token():
                self._line.text_began()
                self._freezer.add(event.text)
                self._changed = True
            case Citation():
                self._freezer.marks |= evidence.marks([event])
            case Answered() | Stopped() | Failed():
                self.ending = event
            case Gap():
                pass
            case Snapshot():
                self._restart(event)
            case _:
                assert_never(event)

    def _restart(self, event: Snapshot) -> None:
        if self._began:
            st.rerun()  # what was drawn has a hole in it: draw it all again
        self._line.steps = []
        for step in event.steps:
            self._line.status(step, time.monotonic())
        self._steps.markdown(listed(self._line.steps))
        self._freezer.marks = evidence.marks(event.citations)
        self._freezer.reset(event.content)
        self._changed = True

    def _updates(self, feed: TurnFeed) -> Iterator[Update]:
        """Waits for events; whenever an update of the text is due, says what it is."""
        while self.ending is None and not feed.done:
            self._rest()
            for event in feed.get(timeout=POLL):
                self.show(event)
            self._look_up()
            if self._changed:
                yield from self._cut()
        self._began = True
        if rest := self._freezer.finish():
            yield Update(rest, final=True)

    def _cut(self) -> Iterator[Update]:
        begun = time.monotonic()
        cut = self._freezer.cut()
        cost = time.monotonic() - begun
        self._changed, self._began = False, True
        if cut.frozen:
            yield Update(cut.frozen, final=True)
        yield Update(cut.live, final=False)
        self._pacer.sent(time.monotonic(), len(cut.frozen) + len(cut.live), cost)

    def _rest(self) -> None:
        """Until the next update is due; what arrives meanwhile comes in one batch and wakes nothing."""
        while (wait := self._pacer.wait(time.monotonic())) > 0:
            time.sleep(min(POLL, wait))
            self._look_up()

    def _look_up(self) -> None:
        """In a silent phase nothing else would notice Stop: any access to the session state does."""
        _ = "poll" in st.session_state
        self._tick()

    def _tick(self) -> None:
        line = self._line.at(time.monotonic())
        if line != self._shown_line:
            self._shown_line = line
            self._status.update(label=plain(line))


class _Run:
    """Pieces for one ``st.write_stream``, which can only append: where text must be replaced, the run ends early.

    ``carry`` is the update that comes next, ``full`` whether the element is complete.
    """

    def __init__(self, updates: Iterator[Update], first: Update) -> None:
        self._updates = updates
        self.carry: Update | None = first
        self.full = False

    def pieces(self) -> Iterator[str]:
        shown = ""
        while self.carry is not None:
            extra = addition(shown, self.carry.text)
            if extra is None:
                return
            yield extra
            shown, self.full = self.carry.text, self.carry.final
            self.carry = next(self._updates, None)
            if self.full:
                return
