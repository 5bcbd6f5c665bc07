"""Patterns in which ``*`` stands for anything, matched without ever going back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``pieces`` are what stands between the stars, in order; ``whole`` says that the text must end with the pattern.

    Regular expressions and ``fnmatch`` try every way of sharing a text among the stars, so that a pattern of thirty
    stars can keep them busy for years. Taking the leftmost place for each piece finds a match whenever there is one.
    """

    pieces: tuple[str, ...]
    whole: bool

    @classmethod
    def of(cls, pattern: str, *, whole: bool) -> "Wildcard":
        return cls(tuple(pattern.split("*")), whole)

    def matches(self, text: str) -> bool:
        """Whether ``text``, or without ``whole`` its beginning, is what the pattern says."""
        first, *rest = self.pieces
        if not text.startswith(first):
            return False
        if not rest:
            return not self.whole or text == first
        position = len(first)
        *middle, last = rest
        for piece in middle if self.whole else rest:
            position = text.find(piece, position)
            if position < 0:
                return False
            position += len(piece)
        return not self.whole or (len(text) - len(last) >= position and text.endswith(last))
