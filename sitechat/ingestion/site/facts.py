"""What a page tells a crawler, as a value: it is read in a process of its own and judged in this one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageFacts:
    """One page. All addresses are absolute, http or https, and without fragments.

    ``links`` are in order and each once, without those marked nofollow; they are there even if the whole page is
    ``nofollow``, and then are not to be followed. ``canonical`` is None also if the page names several. ``refresh`` is
    where the page sends its readers after a while.
    """

    base: str
    links: tuple[str, ...] = ()
    canonical: str | None = None
    noindex: bool = False
    nofollow: bool = False
    refresh: str | None = None
    language: str | None = None
    looks_empty_without_javascript: bool = False
