"""What a page asks of crawlers itself: in its robots meta elements, and in the X-Robots-Tag header."""

from collections.abc import Iterable
from dataclasses import dataclass

from sitechat.ingestion.site.robots import AGENT

_LONGEST = 10_000
# The other directives that have a colon; what else stands before one is a crawler's name.
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


@dataclass(frozen=True, slots=True)
class RobotsTag:
    """``noindex`` is to stay out of our index, ``nofollow`` not to lead us anywhere."""

    noindex: bool = False
    nofollow: bool = False

    def __or__(self, other: "RobotsTag") -> "RobotsTag":
        """What both forbid: a page forbids by header or by element."""
        return RobotsTag(self.noindex or other.noindex, self.nofollow or other.nofollow)


def parse_directives(content: str) -> RobotsTag:
    """The content of one robots meta element, such as ``noindex, follow``."""
    words = {word.strip().lower() for word in content[:_LONGEST].split(",")}
    none = "none" in words
    return RobotsTag(none or "noindex" in words, none or "nofollow" in words)


def parse_robots_tag(values: Iterable[str], agent: str = AGENT) -> RobotsTag:
    """The values of all X-Robots-Tag headers of an answer, joined with commas or not.

    A crawler's name with a colon makes what follows, up to the next name, a matter between the site and that crawler.
    """
    found = RobotsTag()
    for value in values:
        named = ""
        for part in value[:_LONGEST].split(","):
            name, colon, directive = part.partition(":")
            is_name = bool(colon) and name.strip().lower() not in _WITH_VALUE
            named = name.strip().lower() if is_name else named
            if named in ("", "*", "robots", agent.lower()):
                found |= parse_directives(directive if is_name else part)
    return found
