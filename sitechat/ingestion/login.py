"""A login for a site: the headers that a person gives, which go to that site and nowhere else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sitechat.errors import InvalidInput
from sitechat.ingestion.fetch_errors import FetchFailed
from sitechat.ingestion.urls import WebAddress

_MOST_HEADERS = 20
_LONGEST = 8_000
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
# What the request itself decides: who is asked, how the answer is framed, packed and kept, and who asks.
_OURS = frozenset(
    {
        *(
            "host",
            "content-length",
            "content-type",
            "content-encoding",
            "transfer-encoding",
            "te",
            "trailer",
            "upgrade",
        ),
        *("connection", "keep-alive", "proxy-authorization", "proxy-connection", "proxy-authenticate", "expect"),
        *("accept", "accept-encoding", "accept-charset", "user-agent", "range", "forwarded", "via", "http2-settings"),
        *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "max-forwards"),
    }
)
_OUR_FAMILIES = ("proxy-", "sec-", "x-forwarded-")
_LOGIN_NAME = re.compile(
    r"(?:wp-|user-|users-)?(?:log-?in|log_in|sign-?in|sign_in|sso|saml2?|oauth2?|oidc|authorize|authenticate)"
    r"(?:\.(?:php|aspx?|jsp|html?|do))?"
)
_PASSWORD = re.compile(rb"<input\b[^<>]{0,1000}?\btype\s*=\s*[\"']?password\b", re.IGNORECASE)
_SCRIPT = re.compile(rb"</?(?:script|style)\b", re.IGNORECASE)
_TAG = re.compile(rb"<[^<>]*>|\s+")
_LITTLE = 1500

_GIVE_ONE = "Add it again with the headers of a login."
_GIVE_ANOTHER = "The login that was given does not open it, or not any more: add it again with a new one."


class LoginNeeded(FetchFailed):
    """The site shows the page only to those who are logged in. What was read of it before is kept."""

    def __init__(self, *, given: bool) -> None:
        super().__init__(f"The site asks for a login; {_lower(_GIVE_ANOTHER if given else _GIVE_ONE)}", retryable=False)


def asks_for_login(status: int | None, *, given: bool) -> bool:
    """Whether a site that answers ``status`` wants a login. 403 may mean other things, unless one was ``given``."""
    return status == 401 or (status == 403 and given)


def leads_to_login(address: WebAddress) -> bool:
    """Whether an address, to which a page redirects, is where one logs in."""
    names = [*address.target.partition("?")[0].lower().split("/"), *address.host.split(".")[:-1]]
    return any(_LOGIN_NAME.fullmatch(name) for name in names)


def shows_login(head: bytes) -> bool:
    """Whether a page to which another redirects has, as its beginning shows, a field for a password and little else."""
    if not _PASSWORD.search(head):
        return False
    outside = b"".join(_SCRIPT.split(head)[::2])
    return len(_TAG.sub(b"", outside)) < _LITTLE


@dataclass(frozen=True, slots=True)
class Login:
    """Headers for one site. They are never shown: neither by ``repr`` nor in a message."""

    origin: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)

    def is_for(self, address: WebAddress) -> bool:
        """Whether ``address`` is of the same scheme, host and port."""
        return address.origin == self.origin


def parse_headers(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Lines such as ``Cookie: a=b``; empty ones are passed over. Raises ``InvalidInput``, which quotes no value."""
    found: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            name, value = _header(number, line)
            if name.lower() in found:
                raise InvalidInput(f"The header {name} is given twice; put everything into one line.")
            found[name.lower()] = (name, value)
    if len(found) > _MOST_HEADERS:
        raise InvalidInput(f"A login has at most {_MOST_HEADERS} headers.")
    return tuple(found.values())


def _header(number: int, line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name, value = name.strip(" \t"), value.strip(" \t\r\n")
    if not colon or not _NAME.fullmatch(name):
        raise InvalidInput(f"Line {number} of the login is not a header; write it as Name: value.")
    if name.lower() in _OURS or name.lower().startswith(_OUR_FAMILIES):
        raise InvalidInput(f"The header {name} is SiteChat's own and cannot be set; leave it out.")
    if not value:
        raise InvalidInput(f"The header {name} has no value; write it as {name}: value.")
    if len(value) > _LONGEST:
        raise InvalidInput(f"The value of {name} is longer than {_LONGEST:,} characters.")
    if not _VALUE.fullmatch(value):
        raise InvalidInput(f"The value of {name} holds line ends or characters other than plain ASCII.")
    return name, value


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
