"""Dials: names are looked up once, every answer is checked, and the connection goes to a checked address."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore2
from httpcore2 import AsyncNetworkBackend, AsyncNetworkStream

from sitechat.ingestion.addresses import AddressRules, check_all
from sitechat.ingestion.urls import is_literal

Resolver = Callable[[str, int], Awaitable[Iterable[str]]]
"""Looks a name up: all its addresses, in the order in which to try them. Raises ``OSError``."""

_MOST_ADDRESSES = 4
_PUBLIC = "sitechat_public"


class Door(AsyncNetworkBackend):
    """Dials for the connection pool: the only place where a connection begins, so no request can go around it."""

    def __init__(self, rules: AddressRules, resolve: Resolver, network: AsyncNetworkBackend) -> None:
        self._rules = rules
        self._resolve = resolve
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the signature is httpcore2's)
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        answers = [host] if is_literal(host) else await self._resolve(host, port)
        addresses = check_all(self._rules, answers, port)[:_MOST_ADDRESSES]
        failure: Exception = socket.gaierror(socket.EAI_NONAME, "no addresses")
        for address in addresses:
            try:
                stream = await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
                return _Dialled(stream, public=self._rules.is_public(address))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 (as above)
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> AsyncNetworkStream:
        raise httpcore2.ConnectError("only TCP")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Dialled(AsyncNetworkStream):
    """A connection that remembers whether it leads to the public web."""

    def __init__(self, stream: AsyncNetworkStream, *, public: bool) -> None:
        self._stream = stream
        self._public = public

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 (as above)
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> AsyncNetworkStream:
        return _Dialled(await self._stream.start_tls(ssl_context, server_hostname, timeout), public=self._public)

    def get_extra_info(self, info: str) -> Any:
        return self._public if info == _PUBLIC else self._stream.get_extra_info(info)


def is_public(response: httpcore2.Response) -> bool:
    """Whether an answer came from the public web, and not from a network that the operator allows."""
    return bool(response.extensions["network_stream"].get_extra_info(_PUBLIC))


async def system_resolver(host: str, port: int) -> list[str]:
    """What the operating system answers."""
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
