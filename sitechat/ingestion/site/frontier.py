"""Where the reading of a site stands: the addresses that were met, and how many pages have been asked for.

Of an address that is met, only what it says itself is judged. Whether a page is asked for is decided when its turn
comes: a pattern of addresses may have turned out to be a trap by then, and the budget is for pages that are asked for.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from sitechat.ingestion.causes import LeftOut
from sitechat.ingestion.site.canonical import canonical
from sitechat.ingestion.site.scope import Scope
from sitechat.ingestion.site.traps import TrapGuard
from sitechat.ingestion.urls import BadUrl, WebAddress, parse_url
from sitechat.storage.jobs import NewItem, Seen

_AT_SIGHT = ("out_of_scope", "trap", "budget")
"""Causes for which an address is left out without having been asked for; so is robots.txt."""
_FRUITFUL = ("indexed", "unchanged")
_MOST_MET = 4
"""Addresses to read that are kept waiting at most, in times of the page budget; and a thousand more."""


class Frontier:
    def __init__(self, scope: Scope, traps: TrapGuard | None = None) -> None:
        self.scope = scope
        self._traps = traps or TrapGuard()
        self._verdicts: dict[str, LeftOut | None] = {}
        self._met = 0
        self._asked: set[str] = set()

    def remember(self, seen: Sequence[Seen]) -> None:
        """What the job has met before, in the order of its journal."""
        for item in seen:
            if not item.is_page:
                continue
            address = parse_url(item.uri)
            at_sight = item.cause in _AT_SIGHT
            self._judge_once(canonical(address), LeftOut(item.cause, item.reason) if at_sight else None)  # type: ignore[arg-type]
            if item.depth == 0:
                self.begin_at(address)
            if item.ended and not at_sight and item.cause != "robots":
                self._asked.add(item.uri)
                self._traps.asked(address)
                if item.outcome in _FRUITFUL:
                    self._traps.fruitful(address)

    # Met

    def found(self, base: WebAddress, link: str, depth: int) -> NewItem | None:
        """An address as an item, left out for a reason where it is; None for what is no address.

        What was seen before is given again: the journal keeps each once, and may have missed it the first time.
        """
        try:
            address = canonical(base.join(link))
        except BadUrl:
            return None
        if str(address) not in self._verdicts:
            self._judge_once(address, self._reason(address, depth))
        return page_item(address, depth, self._verdicts[str(address)])

    def found_sitemap(self, base: WebAddress, location: str) -> NewItem | None:
        try:
            address = base.join(location)
        except BadUrl:
            return None
        return sitemap_item(address) if self.at_home(address) else None

    def at_home(self, address: WebAddress) -> bool:
        """Whether an address is of this site, whether or not it is to be read."""
        beyond = self.scope.verdict(address, 0)
        return beyond is None or beyond.bound != "site"

    def begin_at(self, address: WebAddress) -> None:
        self.scope = replace(self.scope, start=address)

    def _judge_once(self, address: WebAddress, left_out: LeftOut | None) -> None:
        self._verdicts[str(address)] = left_out
        self._met += left_out is None

    def _reason(self, address: WebAddress, depth: int) -> LeftOut | None:
        if (beyond := self.scope.verdict(address, depth)) is not None:
            return LeftOut("budget" if beyond.bound == "depth" else "out_of_scope", beyond.message)
        if (trap := self._traps.odd(address) or self._traps.exhausted(address)) is not None:
            return LeftOut("trap", trap)
        if (over := self.scope.exhausted(len(self._asked), 0.0)) is not None:
            return LeftOut("budget", over)
        most = _MOST_MET * self.scope.max_pages + 1000
        if self._met >= most:
            return LeftOut("budget", f"{most:,} addresses have been found, of which {self.scope.max_pages:,} are read.")
        return None

    # Asked for

    def admit(self, uri: str, spent: float) -> None:
        """Count a page that is about to be asked for, after ``spent`` seconds.

        Raises ``LeftOut`` where it is not, with all others that wait for the same end.
        """
        address = parse_url(uri)
        over = self.scope.exhausted(0, spent)
        if over is None and uri not in self._asked:  # else it is another try
            over = self.scope.exhausted(len(self._asked), 0.0)
        if over is not None:
            raise self._left_out("budget", over, uri)
        if uri in self._asked:
            return
        if (trap := self._traps.exhausted(address)) is not None:
            raise self._left_out("trap", trap, uri)
        self._asked.add(uri)
        self._traps.asked(address)

    def _left_out(self, cause: Literal["budget", "trap"], message: str, uri: str) -> LeftOut:
        """With all that wait: for a trap, those that the same is said of."""
        waiting = [met for met, verdict in self._verdicts.items() if verdict is None and met not in self._asked]
        if cause == "trap":
            waiting = [met for met in waiting if self._traps.exhausted(parse_url(met)) == message]
        others = tuple(met for met in waiting if met != uri)
        left_out = LeftOut(cause, message, others=others)
        self._verdicts.update(dict.fromkeys(waiting, LeftOut(cause, message)))
        return left_out

    def release(self, uri: str) -> None:
        """The page was not asked for after all."""
        self._asked.discard(uri)
        self._traps.released(parse_url(uri))

    def told(self, uri: str, text: str) -> None:
        """The text of a page that was read: if it is new, more pages like it are worth asking for."""
        self._traps.told(parse_url(uri), text)


def page_item(address: WebAddress, depth: int, left_out: LeftOut | None = None) -> NewItem:
    uri = str(address)
    if left_out is None:
        return NewItem(uri, uri, f"page:{uri}", depth=depth)
    return NewItem(uri, uri, f"page:{uri}", depth=depth, skip=left_out.message, cause=left_out.cause)


def sitemap_item(address: WebAddress) -> NewItem:
    return NewItem(str(address), str(address), f"sitemap:{address}", depth=1)
