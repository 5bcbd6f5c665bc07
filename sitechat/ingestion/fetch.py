"""The one door to the network: everything that is read on behalf of a page, document or user comes through here.

A name is resolved once, every answer is checked against :mod:`sitechat.ingestion.addresses`, and the connection goes
to a checked address, for each redirect anew. Nothing about the person or this machine is sent: no cookies, no
credentials but a login that was given for the site; proxy settings of the environment are not looked at.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpcore2
from httpcore2 import AnyIOBackend, AsyncNetworkBackend

import sitechat
from sitechat.errors import TimedOut
from sitechat.ingestion.addresses import AddressRules
from sitechat.ingestion.door import Door, Resolver, is_public, system_resolver
from sitechat.ingestion.fetch_body import ACCEPTED, Body, Decoder, check_ratio
from sitechat.ingestion.fetch_errors import FetchFailed, TooManyRedirects, failure_of_status, too_large, translated
from sitechat.ingestion.formats.names import check_media_type, split_media_type
from sitechat.ingestion.login import Login
from sitechat.ingestion.site.robots import AGENT
from sitechat.ingestion.urls import BadUrl, WebAddress, parse_url

USER_AGENT = f"{AGENT}/{sitechat.__version__}"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_HOPS = 10
_REDIRECTED = 302
_TIMEOUTS = {"connect": 10.0, "read": 20.0, "write": 10.0, "pool": 30.0}
_ACCEPT = "text/html, application/xhtml+xml, application/pdf, text/*;q=0.9, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it arrived, unpacked. ``url`` is where it was found in the end; ``content_type`` the whole header.

    ``headers`` has all headers by lower-case name, of several with one name the first; ``robots_tags`` every
    X-Robots-Tag. ``public`` says whether it came from the public web, and not from a network that the
    operator allows. ``status`` 304 answers conditions, and another of the three hundreds is a redirect that was not
    followed, to ``url``; both are without data.
    """

    url: str
    status: int
    media_type: str | None
    charset: str | None
    content_type: str | None
    name: str
    body: Body
    headers: Mapping[str, str] = field(default_factory=dict)
    robots_tags: tuple[str, ...] = ()
    public: bool = True

    @property
    def data(self) -> bytes:
        """All of it, in memory: for what is known to be small."""
        return self.body.read()

    @property
    def redirects(self) -> bool:
        return self.status == _REDIRECTED


@dataclass(frozen=True, slots=True)
class _Wish:
    """What one request is after. ``any_answer``: whatever its status and type. ``hops``: redirects to follow."""

    most: int
    conditions: Mapping[str, str] = field(default_factory=dict)
    any_answer: bool = False
    hops: int = MOST_HOPS
    login: Login | None = None


class Fetcher:
    """Fetches pages. Close it with :meth:`close`.

    ``max_bytes`` limits a page after unpacking, ``deadline`` all of its redirects together, in seconds. Large pages
    are in a file in ``spool`` while they arrive. ``resolve`` and ``network`` are for tests: who looks names up, and who
    dials.

    A ``login`` is sent to the site that it was given for, and not any more once a redirect has led away from there.
    """

    def __init__(
        self,
        rules: AddressRules | None = None,
        *,
        max_bytes: int = 100_000_000,
        deadline: float = 60,
        spool: Path | None = None,
        resolve: Resolver | None = None,
        network: AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._spool = spool
        door = Door(rules or AddressRules(), resolve or system_resolver, network or AnyIOBackend())
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=10,
            max_keepalive_connections=5,
            keepalive_expiry=10,
            network_backend=door,
        )

    async def fetch(
        self, url: str, conditions: Mapping[str, str] | None = None, *, login: Login | None = None
    ) -> Fetched:
        """Read the page at ``url``, through up to ten redirects. ``conditions`` are headers such as ``If-None-Match``.

        Raises ``BadUrl``, ``AddressRefused``, ``Unsupported`` (a type that is not read), ``PageTooLarge``,
        ``FetchFailed`` or ``TimedOut``; the ``retryable`` of each says whether to try again later.
        """
        return await self._read(url, _Wish(self._max_bytes, conditions or {}, login=login))

    async def hop(
        self, url: str, conditions: Mapping[str, str] | None = None, *, login: Login | None = None
    ) -> Fetched:
        """As :meth:`fetch`, but a redirect is returned instead of followed: the caller may have to ask first."""
        return await self._read(url, _Wish(self._max_bytes, conditions or {}, hops=0, login=login))

    async def fetch_any(self, url: str, most: int, *, login: Login | None = None) -> Fetched:
        """As :meth:`fetch`, for what is no page (robots.txt, a sitemap): any status and type, up to ``most`` bytes."""
        return await self._read(url, _Wish(min(most, self._max_bytes), any_answer=True, login=login))

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send ``body`` to ``url``; returns the status of the answer, of which nothing else is read or followed.

        Raises ``BadUrl``, ``AddressRefused``, ``FetchFailed`` or ``TimedOut``.
        """
        address = parse_url(url)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._post(address, body, headers)
        except TimeoutError:
            raise TimedOut(f"{address.host} took longer than {self._deadline:g} seconds.") from None
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise translated(error, address.host) from error

    async def _post(self, address: WebAddress, body: bytes, headers: Mapping[str, str]) -> int:
        sent = [("Host", address.authority), ("User-Agent", USER_AGENT), ("Content-Length", str(len(body)))]
        request = self._pool.stream(
            "POST",
            _dialled(address),
            headers=[*sent, *headers.items()],
            content=body,
            extensions={"timeout": _TIMEOUTS},
        )
        async with request as response:
            return response.status

    async def _read(self, url: str, wish: _Wish) -> Fetched:
        address = parse_url(url)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._follow(address, wish)
        except TimeoutError:
            raise TimedOut(f"Reading from {address.host} took longer than {self._deadline:g} seconds.") from None

    async def close(self) -> None:
        """Close the connections that are kept open."""
        await self._pool.aclose()

    async def _follow(self, address: WebAddress, wish: _Wish) -> Fetched:
        for _ in range(wish.hops + 1):
            if wish.login is not None and not wish.login.is_for(address):
                wish = replace(wish, login=None)
            try:
                found = await self._request(address, wish)
            except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
                raise translated(error, address.host) from error
            if isinstance(found, Fetched):
                return found
            address = found
        if wish.hops == 0:
            return Fetched(str(address), _REDIRECTED, None, None, None, "", Body())
        raise TooManyRedirects(wish.hops)

    async def _request(self, address: WebAddress, wish: _Wish) -> "Fetched | WebAddress":
        """One hop: the page, or where it redirects to."""
        url = _dialled(address)
        headers = [
            ("Host", address.authority),
            ("User-Agent", USER_AGENT),
            ("Accept", _ACCEPT),
            ("Accept-Encoding", ACCEPTED),
            *wish.conditions.items(),
            *(wish.login.headers if wish.login is not None else ()),
        ]
        async with self._pool.stream("GET", url, headers=headers, extensions={"timeout": _TIMEOUTS}) as response:
            received = _headers(response)
            if response.status in _REDIRECTS:
                return _location(address, received)
            unchanged = response.status == 304 and bool(wish.conditions)
            if not (200 <= response.status < 300 or unchanged or wish.any_answer):
                raise failure_of_status(response.status, received.get("retry-after"))
            content_type = received.get("content-type")
            media_type, charset = split_media_type(content_type)
            if not (unchanged or wish.any_answer):
                check_media_type(media_type)
            body = Body() if unchanged else await self._body(response, received, wish.most)
            name = address.file_name or address.host
            tags = tuple(_values(response, b"x-robots-tag"))
            found = (str(address), response.status, media_type, charset, content_type, name, body)
            return Fetched(*found, headers=received, robots_tags=tags, public=is_public(response))

    async def _body(self, response: httpcore2.Response, received: dict[str, str], most: int) -> Body:
        declared = received.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise too_large(most)
        decoder = Decoder(received.get("content-encoding", ""))
        body = Body(self._spool)
        arrived = 0
        async for packed in response.aiter_stream():
            arrived += len(packed)
            for piece in decoder.decode(packed):
                if body.size + len(piece) > most:
                    raise too_large(most)
                check_ratio(arrived, body.size + len(piece))
                await body.add(piece)
                await asyncio.sleep(0)  # a small answer can unpack to much: let others have their turn
        if not decoder.complete and body.size:
            raise FetchFailed("The page is incomplete: its packed data breaks off.")
        return body


def _dialled(address: WebAddress) -> httpcore2.URL:
    return httpcore2.URL(
        scheme=address.scheme.encode(),
        host=address.host.encode(),
        port=address.port,
        target=address.target.encode(),
    )


def _headers(response: httpcore2.Response) -> dict[str, str]:
    """By lower-case name; of several with one name, the first."""
    received: dict[str, str] = {}
    for name, value in response.headers:
        received.setdefault(name.decode("latin-1").lower(), value.decode("latin-1").strip())
    return received


def _values(response: httpcore2.Response, wanted: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for name, value in response.headers if name.lower() == wanted]


def _location(address: WebAddress, received: dict[str, str]) -> WebAddress:
    try:
        location = received["location"].encode("latin-1").decode("utf-8", "replace")
        return address.join(location)
    except KeyError:
        raise FetchFailed("The page redirects, but does not say where to.", retryable=False) from None
    except BadUrl as error:
        raise FetchFailed(
            f"The page redirects to somewhere that is not read. {error.message}", retryable=False
        ) from None
