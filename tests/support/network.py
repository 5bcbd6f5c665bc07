"""No test leaves this machine: connections and name look-ups other than loopback's are refused with a sentence."""

import ipaddress
import socket
from typing import Any

_LOCAL_NAMES = ("localhost", "ip6-localhost", "")


class NetworkClosedError(RuntimeError):
    """A test tried to leave this machine."""


def is_local(host: object) -> bool:
    """Whether a connection to ``host`` stays on this machine."""
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def close_network() -> None:
    """From here on this process connects and resolves on loopback only."""
    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, _guarded_connect(getattr(socket.socket, name)))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, _guarded_lookup(getattr(socket, name)))


def _guarded_connect(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            raise NetworkClosedError(f"A test tried to connect to {address[0]}:{address[1]}; use a server on loopback.")
        return connect(self, address)

    return guarded


def _guarded_lookup(lookup: Any) -> Any:
    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        if not (is_local(host) or _is_literal(host)):
            raise NetworkClosedError(
                f"A test tried to look up {host!r}; use a server on loopback, or a resolver of its own."
            )
        return lookup(host, *args, **options)

    return guarded


def _is_literal(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True
