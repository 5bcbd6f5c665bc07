"""What a site asks of crawlers in its robots.txt, by RFC 9309.

Read by code of our own: protego 0.7, the best kept library, ends a group at every line that is not a rule, such as
Crawl-delay, where section 2.2.4 of the RFC says that other lines must not interfere. An agent named before such a line
is then left without rules, and would read what the site has forbidden.
"""

import codecs
import math
import re
from dataclasses import dataclass, field

from sitechat.ingestion.site.escapes import escaped
from sitechat.ingestion.site.wildcards import Wildcard

AGENT = "SiteChat"
"""The product token of our User-Agent header: the name that a robots.txt knows us by."""

_MOST_BYTES = 500 * 1024
_MOST_SITEMAPS = 500
_EVERYONE = "*"
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
# Beyond the RFC, spellings that others read too: who writes "dissallow" means it.
_FIELDS = {
    "user-agent": "user-agent",
    "useragent": "user-agent",
    "user agent": "user-agent",
    "allow": "allow",
    "disallow": "disallow",
    "dissallow": "disallow",
    "dissalow": "disallow",
    "disalow": "disallow",
    "diasllow": "disallow",
    "disallaw": "disallow",
    "crawl-delay": "crawl-delay",
    "crawldelay": "crawl-delay",
    "sitemap": "sitemap",
    "site-map": "sitemap",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One Allow or Disallow line. ``octets`` is how specific it is."""

    allow: bool
    octets: int
    pattern: Wildcard


@dataclass(slots=True)
class _Group:
    agents: set[str] = field(default_factory=set)
    rules: list[Rule] = field(default_factory=list)
    delays: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Robots:
    """A robots.txt as read. ``sitemaps`` are as written, in order and each once; they may be relative.

    Groups are joined for the agent that asks, not for every agent named: a small file can name thousands of agents
    with thousands of rules for all of them together.
    """

    sitemaps: tuple[str, ...] = ()
    _groups: tuple[_Group, ...] = ()
    _joined: dict[str, tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)

    def allows(self, url_target: str, agent: str = AGENT) -> bool:
        """Whether ``agent`` may read the page at ``url_target``, its path and query."""
        target = escaped(url_target if url_target.startswith("/") else f"/{url_target}")
        if target == "/robots.txt":
            return True
        return next((rule.allow for rule in self._rules(_token(agent)) if rule.pattern.matches(target)), True)

    def crawl_delay(self, agent: str = AGENT) -> float | None:
        """Seconds to wait between two pages, where the site asks for it; the longest if it does so more than once."""
        name = _token(agent)
        groups = self._groups_of(name)
        named = name if any(name in group.agents for group in groups) else _EVERYONE
        return max((group.delays[named] for group in groups if named in group.delays), default=None)

    def _rules(self, name: str) -> tuple[Rule, ...]:
        """The rules for an agent, the one that wins first: the longest, and of equally long ones Allow."""
        rules = self._joined.get(name)
        if rules is None:
            every = dict.fromkeys(rule for group in self._groups_of(name) for rule in group.rules)
            rules = tuple(sorted(every, key=lambda rule: (-rule.octets, not rule.allow)))
            if len(self._joined) < 10:  # whoever crawls asks in one name; do not grow with names made up
                self._joined[name] = rules
        return rules

    def _groups_of(self, name: str) -> list[_Group]:
        own = [group for group in self._groups if name in group.agents]
        return own or [group for group in self._groups if _EVERYONE in group.agents]


def parse_robots(data: bytes) -> Robots:
    """Read a robots.txt. There are no errors: a line that makes no sense is passed over, as the RFC wants it."""
    reader = _Reader()
    for line in _lines(data):
        written, colon, value = line.partition("#")[0].partition(":")
        name = _FIELDS.get(written.strip(" \t\0").lower())
        if colon and name is not None:
            reader.take(name, value.strip(" \t\0"))
    return Robots(tuple(reader.sitemaps), tuple(reader.groups))


def robots_for_status(status: int | None) -> Robots | None:
    """What holds where robots.txt could not be had, by section 2.3.1; None where it could, and is to be read.

    ``status`` is the last answer, after redirects, or None if the site could not be reached. A site without the file
    allows everything; one in trouble forbids everything until it is well again. So does 429, which the RFC leaves
    open: it asks for fewer requests, not for more.
    """
    if status is not None and 200 <= status < 300:
        return None
    if status is not None and 300 <= status < 500 and status != 429:
        return ALLOWS_ALL
    return ALLOWS_NOTHING


class _Reader:
    """Takes lines and forms groups: agents named in a row share what follows, up to the next agent after a rule."""

    def __init__(self) -> None:
        self.groups: list[_Group] = []
        self.sitemaps: dict[str, None] = {}
        self._has_rules = True
        self._undelayed: list[str] = []

    def take(self, name: str, value: str) -> None:
        if name == "user-agent":
            self._name_agent(_agent(value))
        elif name == "sitemap":
            if value and len(self.sitemaps) < _MOST_SITEMAPS:
                self.sitemaps[value] = None
        elif self.groups:
            if name == "crawl-delay":
                self._delay(value)
            else:
                self._has_rules = True
                if value:
                    self.groups[-1].rules.append(_rule(value, allow=name == "allow"))

    def _name_agent(self, agent: str) -> None:
        if self._has_rules:
            self.groups.append(_Group())
            self._has_rules = False
            self._undelayed = []
        self.groups[-1].agents.add(agent)
        self._undelayed.append(agent)

    def _delay(self, value: str) -> None:
        """A delay is for the agents named since the last one: it stands in groups, but is no part of the RFC's."""
        try:
            seconds = float(value)
        except ValueError:
            return
        if math.isfinite(seconds) and seconds >= 0:
            self.groups[-1].delays.update(dict.fromkeys(self._undelayed, seconds))
            self._undelayed = []


def _lines(data: bytes) -> list[str]:
    cut = len(data) > _MOST_BYTES
    data = data[:_MOST_BYTES]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode("utf-8")
    # Bytes that are no UTF-8 are kept as they are, to be escaped one by one; bytes know no line ends but CR and LF.
    lines = [line.decode("utf-8", "surrogateescape") for line in data.removeprefix(codecs.BOM_UTF8).splitlines()]
    return lines[:-1] if cut else lines  # half a rule forbids or allows too much


def _agent(value: str) -> str:
    return _EVERYONE if value.startswith(_EVERYONE) else _token(value)


def _token(name: str) -> str:
    """The product token that a name begins with, without its version; digits are let pass, since many names have some.

    Other names stand for themselves, so that they match neither each other nor everyone.
    """
    match = _TOKEN.match(name)
    return (match[0] if match is not None else f"?{name}").lower()


def _rule(value: str, *, allow: bool) -> Rule:
    whole = value.endswith("$")
    pattern = escaped(value.removesuffix("$") if whole else value, kept="*")
    return Rule(allow, len(pattern) + whole, Wildcard.of(pattern, whole=whole))


ALLOWS_ALL = Robots()
ALLOWS_NOTHING = parse_robots(b"User-agent: *\nDisallow: /\n")
