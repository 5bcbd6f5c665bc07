"""How often a site is asked: one request at a time, with a pause after each.

The pause is longer where robots.txt asks for it, and grows while the site answers that it is busy or in trouble.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

PAUSE = 0.25
"""Seconds between the end of one request to a site and the beginning of the next, unless it asks for more."""
LONGEST_ASKED = 30.0
"""A longer Crawl-delay is not meant for reading a whole site; more than this is not waited."""
LONGEST_PAUSE = 60.0
_WORTH_TELLING = 2.0


@dataclass(slots=True)
class _Site:
    asked: float
    trouble: float = 0.0
    free_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def pause(self) -> float:
        return max(self.asked, self.trouble)


class Turns:
    """``pause`` is the shortest one. Sites are told apart by their authority: host and port."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._sites: dict[str, _Site] = {}

    @asynccontextmanager
    async def turn(self, site: str) -> AsyncIterator[None]:
        """Wait until it is polite to ask, and keep others waiting for as long as the request lasts."""
        at = self._of(site)
        async with at.lock:
            await asyncio.sleep(max(0.0, at.free_at - monotonic()))
            try:
                yield
            finally:
                at.free_at = monotonic() + at.pause

    def asks_for(self, site: str, seconds: float | None) -> None:
        """What its robots.txt says; None where it says nothing."""
        self._of(site).asked = max(self._pause, min(seconds or 0.0, LONGEST_ASKED))

    def troubled(self, site: str, retry_after: float | None) -> None:
        """It answered that it is busy: ask half as often, and not before the time that it named."""
        at = self._of(site)
        at.trouble = min(max(2 * at.pause, retry_after or 0.0, 1.0), LONGEST_PAUSE)

    def fine(self, site: str) -> None:
        """It answered as usual: come back to the usual pause by and by."""
        at = self._of(site)
        at.trouble = at.trouble / 2 if at.trouble > self._pause else 0.0

    def why(self, site: str) -> str | None:
        """What a longer pause is for, as ``the site (…)``; None for an ordinary one."""
        at = self._of(site)
        if at.pause < _WORTH_TELLING:
            return None
        if at.trouble > at.asked:
            return f"the site (it is busy, so {at.pause:.0f} s lie between pages)"
        return f"the site (robots.txt asks for {at.asked:g} s between pages)"

    def _of(self, site: str) -> _Site:
        return self._sites.setdefault(site, _Site(self._pause))
