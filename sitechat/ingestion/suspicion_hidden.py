"""Finds what a web page holds but does not show to people.

Only what the page's own markup says is looked at: attributes and inline styles. What style sheets hide stays unknown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lxml.html import HtmlElement

from sitechat.ingestion.formats.html_hidden import ZERO, style_of

Way = Literal["undisplayed", "disguised"]

_LEAST_LETTERS = 3
_NOT_TEXT = frozenset({"script", "style", "template", "noscript", "head", "title", "svg", "math", "iframe", "object"})
_TINY = re.compile(r"^(?:0*\.\d+|1)(?:px|pt)$|^0?\.0\d*(?:em|rem)$")
_FAR = re.compile(r"^-\d{3,}(?:\.\d+)?(?:px|pt|em|rem|vw|vh|%)?$")
_HEX = re.compile(r"^#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$")
_RGB = re.compile(r"^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)(?:[\s,/]+([\d.]+%?))?\s*\)$")
_NAMED = {"white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240)}
_PAPER = (255, 255, 255)
_ALIKE = 24

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Hidden:
    """A passage that is not shown. ``undisplayed``: left out, as menus are; ``disguised``: there, but not seen."""

    text: str
    way: Way


def hidden_passages(tree: HtmlElement) -> tuple[Hidden, ...]:
    """The hidden passages of a page, outermost elements only, in the order of the page."""
    return tuple(_found(tree, _PAPER))


def _found(element: HtmlElement, background: Colour | None) -> Iterator[Hidden]:
    pending: list[tuple[HtmlElement, Colour | None]] = [(element, background)]
    while pending:
        current, behind = pending.pop()
        if not isinstance(current.tag, str) or current.tag.lower() in _NOT_TEXT:
            continue
        style = style_of(current)
        behind = _background(current, style, behind)
        way = _way(current, style, behind)
        if way is None:
            pending.extend((child, behind) for child in reversed(current))
            continue
        text = " ".join(str(current.text_content()).split())
        if sum(map(str.isalpha, text)) >= _LEAST_LETTERS:
            yield Hidden(text, way)


def _way(element: HtmlElement, style: dict[str, str], behind: Colour | None) -> Way | None:
    if element.get("hidden") not in (None, "until-found") or element.get("aria-hidden") == "true":
        return "undisplayed"
    if style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse") or _is_moved_away(style):
        return "undisplayed"
    return "disguised" if _is_disguised(element, style, behind) else None


def _is_moved_away(style: dict[str, str]) -> bool:
    """Out of the window, or cut to nothing: the usual way to write for screen readers alone."""
    if any(_FAR.match(style.get(edge, "")) for edge in ("left", "top", "right", "text-indent", "margin-left")):
        return True
    cut = style.get("clip", "").replace(" ", "").replace("px", "").replace(",", "")
    return cut in ("rect(0000)", "rect(1111)") or style.get("clip-path", "").replace(" ", "") == "inset(100%)"


def _is_disguised(element: HtmlElement, style: dict[str, str], behind: Colour | None) -> bool:
    size = style.get("font-size", "")
    if size and (ZERO.match(size) or _TINY.match(size)):
        return not any("font-size" in (inner.get("style") or "") for inner in element.iterdescendants())
    if ZERO.match(style.get("opacity", "x")):
        return True
    colour = style.get("color") or (element.get("color") if element.tag == "font" else None)
    if colour is None:
        return False
    if colour == "transparent":
        return True
    ink = _colour(colour)
    return ink is not None and behind is not None and max(abs(a - b) for a, b in zip(ink, behind, strict=True)) < _ALIKE


def _background(element: HtmlElement, style: dict[str, str], behind: Colour | None) -> Colour | None:
    """What is behind the text; None where it cannot be known: a picture, a class or id that may paint, another way."""
    written = style.get("background-color") or style.get("background") or element.get("bgcolor")
    if written:
        return _colour(written.lower())
    painted = element.get("class") or element.get("id") or element.get("background")
    return None if painted else behind


def _colour(written: str) -> Colour | None:
    written = written.strip()
    if written in _NAMED:
        return _NAMED[written]
    if match := _HEX.match(written):
        digits = match[1]
        pairs = [digit * 2 for digit in digits[:3]] if len(digits) < 6 else [digits[n : n + 2] for n in (0, 2, 4)]
        red, green, blue = (int(pair, 16) for pair in pairs)
        return red, green, blue
    if match := _RGB.match(written):
        return int(match[1]), int(match[2]), int(match[3])
    return None
