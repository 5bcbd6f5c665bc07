"""A turn's event log: appended by the one task that answers, read by any number of watchers.

Watchers share the log and hold only a position, so a slow one costs nothing and a late one replays. What is held is
bounded; a watcher that falls further behind is told of the gap and given a snapshot instead.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from sitechat.events import Citation, Event, Gap, Notice, Snapshot, Status, Terminal, Token, steps_with

HELD_EVENTS = 20_000


class TurnLog:
    """Lives on the engine loop. ``text``, ``steps`` and ``citations`` are what the events so far amount to.

    ``finished`` holds how each step ended, once for each time that it was done; ``notices`` what came in between.
    """

    def __init__(self, turn_id: str, held: int = HELD_EVENTS) -> None:
        self.turn_id = turn_id
        self.steps: list[Status] = []
        self.citations: list[Citation] = []
        self.finished: list[Status] = []
        self.notices: list[Notice] = []
        self.ended = False
        self._events: deque[Event] = deque(maxlen=held)
        self._last = 0
        self._parts: list[str] = []
        self._changed = asyncio.Event()

    @property
    def text(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def append(self, event: Event) -> None:
        """Stamp and publish. Nothing may follow a terminal event."""
        if self.ended:
            raise RuntimeError(f"turn {self.turn_id} has ended; {event.type} cannot follow")
        self._last += 1
        stamped = event.model_copy(update={"seq": self._last, "turn_id": self.turn_id, "at": datetime.now(UTC)})
        self._account(stamped)
        self._events.append(stamped)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def read(self, after: int) -> list[Event]:
        """Events after sequence number ``after`` that are there now, led by gap and snapshot where some are not."""
        first = self._last - len(self._events) + 1
        if after >= self._last:
            return []
        if after + 1 >= first:
            return [self._events[i] for i in range(after + 1 - first, len(self._events))]
        gap = Gap(seq=self._last, turn_id=self.turn_id, from_=after + 1, to=self._last)
        closing = [event for event in (self._events[-1],) if isinstance(event, Terminal)]
        return [gap, self.snapshot(), *closing]

    def snapshot(self) -> Snapshot:
        """What all events so far amount to."""
        return Snapshot(
            seq=self._last,
            turn_id=self.turn_id,
            content=self.text,
            steps=tuple(self.steps),
            citations=tuple(self.citations),
        )

    async def batches(self, after: int = 0) -> AsyncGenerator[list[Event], None]:
        """Replay, then live: each time all that came since the last. Ends after the terminal event."""
        while True:
            changed = self._changed
            if batch := self.read(after):
                after = batch[-1].seq
                yield batch
                if isinstance(batch[-1], Terminal):
                    return
                await asyncio.sleep(0)
            else:
                await changed.wait()

    def _account(self, event: Event) -> None:
        if isinstance(event, Token):
            self._parts.append(event.text)
        elif isinstance(event, Citation):
            self.citations.append(event)
        elif isinstance(event, Status):
            self.steps = steps_with(self.steps, event)
            if event.is_end:
                self.finished.append(event)
        elif isinstance(event, Notice):
            self.notices.append(event)
        self.ended = isinstance(event, Terminal)
