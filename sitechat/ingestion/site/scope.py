"""What belongs to the website that is read, as the person who adds it says."""

import re
from dataclasses import dataclass, field
from typing import Literal

from sitechat.errors import InvalidInput
from sitechat.ingestion.site.canonical import canonical
from sitechat.ingestion.site.escapes import escaped
from sitechat.ingestion.site.wildcards import Wildcard
from sitechat.ingestion.urls import WebAddress, is_literal

SameSite = Literal["host", "domain"]
Bound = Literal["site", "not included", "excluded", "depth"]

_MOST_PATTERNS = 100
_LONGEST_PATTERN = 1000
_USUAL_PORTS = frozenset({80, 443})
_LIST = re.compile(r"\.(?:xml|rss|atom)(?:\.gz)?$|sitemap[^/]*\.txt(?:\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """Which bound a page lies beyond, and a whole sentence for people."""

    bound: Bound
    message: str


@dataclass(frozen=True, slots=True)
class Scope:
    """The bounds of one website.

    ``same_site`` is ``host`` for the start's host, with or without ``www.``, or ``domain`` for that and all hosts below
    it. Patterns are whole paths with queries, such as ``/docs/*`` or ``*.pdf``, or whole addresses; one that ends in a
    slash stands for everything below it. The start itself is always within the bounds, and so is what it lists if it is
    a sitemap. ``login`` is that for the site as the vault seals it, empty without one. Raises ``InvalidInput``.
    """

    start: WebAddress
    same_site: SameSite = "host"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_depth: int = 20
    max_pages: int = 1000
    max_seconds: float = 3600
    login: str = field(default="", repr=False)
    _included: tuple["_Pattern", ...] = field(init=False, repr=False, compare=False)
    _excluded: tuple["_Pattern", ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.same_site not in ("host", "domain"):
            raise InvalidInput("A website is bounded by its host or by its domain.")
        if not 0 <= self.max_depth <= 1000:
            raise InvalidInput("The depth is a number of links to follow from the start, from 0 to 1000.")
        if not 1 <= self.max_pages <= 1_000_000:
            raise InvalidInput("The number of pages is between 1 and 1,000,000.")
        if not 1 <= self.max_seconds <= 30 * 86_400:
            raise InvalidInput("The time for reading a website is between a second and 30 days.")
        object.__setattr__(self, "_included", _patterns(self.include))
        object.__setattr__(self, "_excluded", _patterns(self.exclude))

    @property
    def begins_with_list(self) -> bool:
        """Whether the start is a sitemap or a feed: then the pages that it lists are read, but not their links."""
        return _LIST.search(self.start.target.partition("?")[0]) is not None

    def verdict(self, address: WebAddress, depth: int) -> OutOfScope | None:
        """Why a page, ``depth`` links away from the start, is not to be read; None if it is."""
        address = canonical(address)
        if address == canonical(self.start):
            return None
        if not self._is_same_site(address):
            return OutOfScope("site", f"It is on another site, {address.authority}.")
        if depth > (1 if self.begins_with_list else self.max_depth):
            return OutOfScope(
                "depth", f"It is more than {self.max_depth} {_links(self.max_depth)} away from the start."
            )
        excluded = next((pattern for pattern in self._excluded if pattern.matches(address)), None)
        if excluded is not None:
            return OutOfScope("excluded", f"Pages like {excluded.written} are left out.")
        if self._included and not any(pattern.matches(address) for pattern in self._included):
            return OutOfScope("not included", f"Only pages like {' or '.join(self.include[:3])} are read.")
        return None

    def exhausted(self, pages: int, seconds: float) -> str | None:
        """Why reading ends after so many pages and so much time, in a whole sentence; None if it goes on."""
        if pages >= self.max_pages:
            return f"The limit of {self.max_pages:,} pages is reached."
        if seconds >= self.max_seconds:
            return f"The limit of {self.max_seconds / 60:g} min is reached."
        return None

    def _is_same_site(self, address: WebAddress) -> bool:
        if address.port != self.start.port and not {address.port, self.start.port} <= _USUAL_PORTS:
            return False
        host, site = _bare(address.host), _bare(self.start.host)
        if host == site:
            return True
        return self.same_site == "domain" and not is_literal(self.start.host) and host.endswith(f".{site}")


@dataclass(frozen=True, slots=True)
class _Pattern:
    written: str
    address: bool
    wildcard: Wildcard

    def matches(self, address: WebAddress) -> bool:
        """Whether ``address``, in its canonical form, is like this."""
        return self.wildcard.matches(str(address) if self.address else address.target)


def _patterns(written: tuple[str, ...]) -> tuple[_Pattern, ...]:
    if len(written) > _MOST_PATTERNS:
        raise InvalidInput(f"There are more than {_MOST_PATTERNS} patterns; combine some with a star.")
    return tuple(_pattern(text) for text in written)


def _pattern(written: str) -> _Pattern:
    if len(written) > _LONGEST_PATTERN:
        raise InvalidInput(f"A pattern has at most {_LONGEST_PATTERN:,} characters.")
    address = written.startswith(("http://", "https://"))
    if not address and not written.startswith(("/", "*")):
        raise InvalidInput(
            f"The pattern {written!r} begins with neither / nor * nor https://; write /{written} perhaps."
        )
    pattern = escaped(f"{written}*" if written.endswith("/") else written, kept="*$")
    return _Pattern(written, address, Wildcard.of(pattern, whole=True))


def _bare(host: str) -> str:
    """Without ``www.``, where that leaves a name that can be a site's."""
    bare = host.removeprefix("www.")
    return bare if "." in bare else host


def _links(number: int) -> str:
    return "link" if number == 1 else "links"
