"""Takes a web address apart, strictly: what two programs could read in two ways is refused, not guessed at."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, unquote, urljoin

import idna

from sitechat.errors import InvalidInput

_LONGEST = 8000
_WHOLE = re.compile(r"^(https?)://([^/?#]*)([^#]*)(?:#.*)?$", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_HOST_AND_PORT = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(\d{0,5}))?$")
_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")
_NUMERIC = re.compile(r"^(?:\d+|0x[0-9a-f]*)$")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_KEPT = "/:?&=%+,;@!$'()*[]~|"

_UNUSUAL = "That address is written in a way that programs read differently; write it plainly, as example.org/page."


class BadUrl(InvalidInput):
    """Not an address that can be read, or not one that is written plainly."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """``host`` is ASCII and lower case, without brackets; ``target`` is path and query as they are sent."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what belongs to one server, as browsers see it."""
        return f"{self.scheme}://{self.authority}"

    @property
    def file_name(self) -> str:
        """The last part of the path; empty for a path that ends in a slash."""
        return unquote(self.target.partition("?")[0].rsplit("/", 1)[-1])

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"

    def join(self, location: str) -> "WebAddress":
        """Where a redirect or link leads. Raises :class:`BadUrl`."""
        location = location.strip(" \t\r\n")
        _check_characters(location)
        return parse_url(urljoin(str(self), location))


def is_literal(host: str) -> bool:
    """Whether a host, as :class:`WebAddress` has it, is an address rather than a name."""
    return ":" in host or bool(_NUMERIC.match(host.rsplit(".", 1)[-1]))


def parse_url(url: str) -> WebAddress:
    """Raises :class:`BadUrl` with what is wrong."""
    url = url.strip(" \t\r\n")
    _check_characters(url)
    match = _WHOLE.match(url)
    if match is None:
        scheme = _SCHEME.match(url)
        if scheme is not None and scheme[1].lower() not in _DEFAULT_PORTS:
            raise BadUrl("Only addresses that begin with https:// or http:// are read.")
        raise BadUrl("A web address begins with https:// or http://, followed by the name of a site.")
    host, port = _split_authority(match[2])
    scheme_name = match[1].lower()
    target = quote(match[3], safe=_KEPT)
    if not target.startswith("/"):
        target = f"/{target}"
    return WebAddress(scheme_name, host, port or _DEFAULT_PORTS[scheme_name], target)


def with_scheme(written: str) -> str:
    """What a person typed, as a whole address: ``example.org`` is ``https://example.org``."""
    written = written.strip()
    return written if _SCHEME.match(written) else f"https://{written}"


def _check_characters(url: str) -> None:
    if len(url) > _LONGEST:
        raise BadUrl("That address is too long to be one of a web page.")
    if _CONTROLS.search(url) or "\\" in url.partition("?")[0]:
        raise BadUrl(_UNUSUAL)


def _split_authority(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise BadUrl("Addresses with a user name or password in them are not read.")
    if not authority:
        raise BadUrl("The address names no site.")
    match = _HOST_AND_PORT.match(authority)
    if match is None or "%" in authority:
        raise BadUrl(_UNUSUAL)
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 65536:
        raise BadUrl(f"There is no port {port}.")
    if match[1].startswith("["):
        return _ipv6(match[1][1:-1]), port
    return _host(match[1]), port


def _ipv6(literal: str) -> str:
    try:
        return str(IPv6Address(literal))
    except ValueError:
        raise BadUrl("What stands in brackets is not an IPv6 address.") from None


def _host(written: str) -> str:
    """The host's name as it is looked up."""
    host = written.lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True, std3_rules=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError):
            raise BadUrl("That is not the name of a site.") from None
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(map(_LABEL.match, labels)):
        raise BadUrl("That is not the name of a site.")
    if _NUMERIC.match(labels[-1]):
        return _ipv4(host, plain=written.isascii())
    return host


def _ipv4(host: str, *, plain: bool) -> str:
    """Four decimal numbers and nothing else: octal, hexadecimal and shortened forms are read differently."""
    try:
        address = str(IPv4Address(host))
    except ValueError:
        raise BadUrl(_UNUSUAL) from None
    if not plain or address != host:
        raise BadUrl(_UNUSUAL)
    return address
