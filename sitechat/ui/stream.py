"""How a growing answer reaches the page: what is finished for good, and how often the rest is sent.

Every update of a Streamlit element resends its whole text. So finished blocks are *frozen* into elements of their own,
never to be sent again, and only the block that still grows is resent, at a pace that bounds bytes and work. Nothing
here knows Streamlit; time is passed in.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sitechat.ui.markdown import Block, Mark, blocks
from sitechat.ui.unfinished import showable

UPDATES_PER_SECOND = 25
BYTES_PER_SECOND = 16_000
MESSAGE_OVERHEAD = 400
"""Bytes of a Streamlit message beside the text that it carries, about."""
SECONDS_PER_VIEWER = 0.0025
"""An update costs the process about this much, so many viewers share fewer updates each."""

WORTH_FREEZING = 500
"""Characters: the browser minds many small elements more than a few blocks sent again."""

_SETTLED = re.compile(r"(?:#{1,6} |(?:\*\*|__|[*_`\"“(])?[^\W\d_])")


@dataclass(frozen=True, slots=True)
class Cut:
    """``frozen``: blocks finished since the last cut, to be drawn once. ``live``: the block that may still change."""

    frozen: str
    live: str


@dataclass(slots=True)
class Freezer:
    """Takes an answer in pieces and cuts it at block boundaries.

    However the pieces fall, the frozen texts joined by blank lines equal
    :func:`sitechat.ui.markdown.safe_markdown` of the whole.
    """

    marks: dict[int, Mark] = field(default_factory=dict)
    worth_freezing: int = WORTH_FREEZING
    _tail: str = ""

    def add(self, text: str) -> None:
        self._tail += text

    def reset(self, text: str = "") -> None:
        """Forget what was added, frozen or not, and begin with ``text``."""
        self._tail = text

    def cut(self) -> Cut:
        held = "\r" if self._tail.endswith("\r") else ""
        source = self._tail.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        found = blocks(showable(source), self.marks)
        begins = _offset(source, found[-1].line) if found else 0
        if begins < self.worth_freezing or not _settled(source[begins:]):
            return Cut("", _join(found, live=True))
        self._tail = source[begins:] + held
        return Cut(_join(found[:-1]), _join(found[-1:], live=True))

    def finish(self) -> str:
        """What is left, frozen."""
        rest = _join(blocks(self._tail, self.marks))
        self._tail = ""
        return rest


def _join(found: Sequence[Block], *, live: bool = False) -> str:
    text = "\n\n".join(block.markdown for block in found)
    # Without its closing fence, code that is still being written only ever grows at its end.
    return text.rpartition("\n")[0] if live and found and found[-1].ends_in_fence else text


def _offset(source: str, line: int) -> int:
    position = 0
    for _ in range(line):
        position = source.index("\n", position) + 1
    return position


def _settled(text: str) -> bool:
    """Whether a block is sure to begin with ``text``, so that what stands before it is over.

    A line that is still being written may turn out to be the next item of a list: ``1`` becomes ``1. more``.
    """
    return "\n" in text or _SETTLED.match(text) is not None


@dataclass(slots=True)
class Crowd:
    """How many answers this process is showing at the moment."""

    size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def joined(self) -> Iterator[None]:
        with self._lock:
            self.size += 1
        try:
            yield
        finally:
            with self._lock:
                self.size -= 1


@dataclass(slots=True)
class Pacer:
    """Says when the next update is due: at most 25 a second, fewer for a large block, slow work or many viewers."""

    crowd: Crowd = field(default_factory=Crowd)
    _due_at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next update may be sent; 0 when it is due."""
        return max(0.0, self._due_at - now)

    def sent(self, now: float, size: int, seconds: float = 0.0) -> None:
        """An update of ``size`` bytes was sent at ``now`` and took ``seconds`` to make."""
        self._due_at = now + max(
            1 / UPDATES_PER_SECOND,
            (size + MESSAGE_OVERHEAD) / BYTES_PER_SECOND,
            10 * seconds,
            self.crowd.size * SECONDS_PER_VIEWER,
        )


def addition(shown: str, text: str) -> str | None:
    """What to append to ``shown`` to get ``text``; None where it must be replaced instead."""
    return text[len(shown) :] if text.startswith(shown) else None
