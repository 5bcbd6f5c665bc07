"""Tells what a web page's own markup keeps from being seen: attributes and inline styles, not style sheets."""

import re

from lxml.html import HtmlElement

ZERO = re.compile(r"^[+-]?0*(?:\.0*)?(?:px|pt|em|rem|%|ex|ch|vw|vh|cm|mm|in)?$")


def style_of(element: HtmlElement) -> dict[str, str]:
    """The declarations of an element's ``style``, in lower case; of several of one name, the last."""
    found: dict[str, str] = {}
    for declaration in (element.get("style") or "").lower().split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            kept, mark, important = value.rpartition("!")
            found[name.strip()] = (kept if mark and important.strip() == "important" else value).strip()
    return found


def is_undisplayed(element: HtmlElement) -> bool:
    """Whether an element is left out of what is shown, or shown without being visible. Scripts may show it later."""
    attributes = element.attrib
    if attributes.get("hidden", "until-found") != "until-found" or attributes.get("aria-hidden") == "true":
        return True
    style = style_of(element)
    if not style:
        return False
    return (
        style.get("display") == "none"
        or (style.get("visibility") in ("hidden", "collapse") and not _is_undone(element, "visibility"))
        or bool(ZERO.match(style.get("opacity", "x")))
    )


def is_vanishing(element: HtmlElement) -> bool:
    """Whether the text of an element has no size. Layouts write that to lose the space between boxes with a size of
    their own, so nothing within may have one."""
    size = style_of(element).get("font-size", "")
    return bool(size and ZERO.match(size)) and not _is_undone(element, "font-size")


def _is_undone(element: HtmlElement, what: str) -> bool:
    """Whether something within is styled otherwise, or may be by a style sheet."""
    return any(
        inner.get("class") or inner.get("id") or what in (inner.get("style") or "")
        for inner in element.iterdescendants()
    )
