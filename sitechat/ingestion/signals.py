"""Wakes those in this process who wait for news of a job or for work; the journal itself remains the truth.

Nothing is carried but the wake-up, and one that is missed costs a moment: everybody also looks at the journal in
intervals, since jobs may be written and commanded by another process.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

WORK = "work"
"""Topic: there may be an item to claim."""


PROGRESS = "progress"
"""Topic: the items of some job have moved."""


def progress(job_id: str) -> str:
    """Topic: the job's items have moved."""
    return f"{PROGRESS} {job_id}"


SCHEDULE = "schedule"
"""Topic: a schedule has changed."""
STOP = "stop"
"""Topic: the workers are to put down what they hold."""


def command(job_id: str) -> str:
    """Topic: somebody paused, cancelled or deleted the job or an item of it."""
    return f"command {job_id}"


class Signals:
    """Use on one event loop only."""

    def __init__(self) -> None:
        self._bells: dict[str, set[Bell]] = defaultdict(set)

    def ring(self, *topics: str) -> None:
        """Whoever listens to the kind that a topic is of, its first word, is woken as well."""
        for topic in topics:
            for each in {topic, topic.partition(" ")[0]}:
                for bell in self._bells.get(each, ()):
                    bell.ring()

    @contextmanager
    def listen(self, *topics: str) -> Iterator["Bell"]:
        bell = Bell()
        for topic in topics:
            self._bells[topic].add(bell)
        try:
            yield bell
        finally:
            for topic in topics:
                self._bells[topic].discard(bell)
                if not self._bells[topic]:
                    del self._bells[topic]


class Bell:
    """One listener's wake-up; a ring while nobody waits is kept."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def rung(self) -> bool:
        """Whether a ring waits to be noticed."""
        return self._event.is_set()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Until rung, or ``seconds`` are over; tells whether it rang."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        rang = self._event.is_set()
        self._event.clear()
        return rang
