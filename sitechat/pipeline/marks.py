"""Marks: ``[3]`` in an answer's Markdown refers to evidence number 3.

Brackets inside code spans and fences are code, and ``[3](…)`` is a link; neither is a mark. ``[1, 2]`` is two marks.
One scanner serves the stream (:class:`MarkScanner`, which holds back what could still become a mark) and finished
text (:func:`split_marks`).
"""

import re
from dataclasses import dataclass

_NUMBERS = re.compile(r"\[\s*\d{1,3}(?:\s*[,;]\s*\d{1,3})*\s*\]")
_PARTIAL = re.compile(r"\[[\d,;\s]{0,24}$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")

Piece = str | int
"""Plain text, or the number of a mark."""


@dataclass(frozen=True, slots=True)
class MarkSpan:
    """A mark at ``text[start:end]``; ``[1, 2]`` has two numbers."""

    start: int
    end: int
    numbers: tuple[int, ...]


class MarkScanner:
    """Feed text as it arrives; pieces come out as soon as they are certain."""

    def __init__(self) -> None:
        self._held = ""
        self._line = ""
        self._fence: str | None = None
        self._code: int = 0

    def feed(self, text: str) -> list[Piece]:
        self._held += text
        return self._scan(final=False)

    def end(self) -> list[Piece]:
        """What was still held back."""
        return self._scan(final=True)

    def locate(self, text: str) -> list[MarkSpan]:
        """The marks of a finished text."""
        self._held, found, position = text, [], 0
        while self._held:
            taken, numbers = self._next(final=True)
            if numbers:
                found.append(MarkSpan(position, position + taken, tuple(numbers)))
            self._pass(self._held[:taken])
            self._held, position = self._held[taken:], position + taken
        return found

    def _scan(self, *, final: bool) -> list[Piece]:
        pieces: list[Piece] = []
        plain: list[str] = []
        while self._held:
            taken, numbers = self._next(final)
            if not taken:
                break
            if numbers:
                if plain:
                    pieces.append("".join(plain))
                    plain.clear()
                pieces.extend(numbers)
            else:
                plain.append(self._held[:taken])
            self._pass(self._held[:taken])
            self._held = self._held[taken:]
        if plain:
            pieces.append("".join(plain))
        return pieces

    def _next(self, final: bool) -> tuple[int, list[int]]:
        """How many held characters are certain, and the marks they are; 0 means wait for more."""
        held = self._held
        if held[0] in "`~":
            run = len(held) - len(held.lstrip(held[0]))
            if run == len(held) and not final:
                return 0, []
            self._open_or_close(held[:run])
            return run, []
        if held[0] == "[" and self._fence is None and not self._code:
            return self._bracket(final)
        stop = re.search(r"[`~\[\n]", held)
        if stop is None:
            return len(held), []
        return max(1, stop.start()), []

    def _bracket(self, final: bool) -> tuple[int, list[int]]:
        held = self._held
        match = _NUMBERS.match(held)
        if match is None:
            return (0, []) if not final and _PARTIAL.match(held) else (1, [])
        behind = held[match.end() : match.end() + 2]
        if behind in ("", ":") and not final:
            return 0, []
        if behind[:1] == "(" or (behind[:1] == ":" and behind[1:].strip()):
            return match.end(), []
        return match.end(), [int(number) for number in re.findall(r"\d+", match.group())]

    def _open_or_close(self, run: str) -> None:
        fence = _FENCE.match(self._line + run)
        if self._fence is not None:
            if fence and run[0] == self._fence[0] and len(run) >= len(self._fence):
                self._fence = None
        elif fence and not self._code:
            self._fence = run
        elif run[0] == "`":
            self._code = 0 if self._code == len(run) else self._code or len(run)

    def _pass(self, text: str) -> None:
        head, newline, tail = text.rpartition("\n")
        if newline:
            if not (self._line + head).strip():
                self._code = 0  # a code span cannot cross a blank line
            self._line = tail
        else:
            self._line += tail


def split_marks(markdown: str) -> list[Piece]:
    """Finished text as plain pieces and mark numbers, in order."""
    scanner = MarkScanner()
    return scanner.feed(markdown) + scanner.end()


def mark_spans(markdown: str) -> list[MarkSpan]:
    """Where the marks of finished text are."""
    return MarkScanner().locate(markdown)


def strip_marks(markdown: str) -> str:
    """The text without its marks and the space before them, as a model should see its own earlier answers."""
    out = ""
    for piece in split_marks(markdown):
        out = out.rstrip(" ") if isinstance(piece, int) else out + piece
    return out
