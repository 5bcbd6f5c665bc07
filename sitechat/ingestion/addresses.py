"""Which network addresses may be fetched from.

An address is first unwrapped from the forms that carry another one (mapped, NAT64, 6to4, Teredo, …); what comes out is
held against an explicit table, since :mod:`ipaddress` calls several of these ranges global. What the operator allows
goes before the table.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from sitechat.errors import Forbidden, SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WEB_PORTS = frozenset({80, 443, 8080, 8443})
# Services that are not web servers, some of which act on what a web request contains; never, wherever they are.
NEVER_PORTS = frozenset(
    {
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109),
        *(110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 445, 465, 512, 513, 514, 515, 526),
        *(530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 873, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723),
        *(2049, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 4369, 5060, 5061, 5432, 5672, 5984, 6000, 6379),
        *(6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 8500, 9042, 9092, 9200, 9300, 10080, 10250, 11211, 27017),
    }
)

_DENIED = tuple(
    (ip_network(network), called)
    for network, called in (
        ("0.0.0.0/8", "is not the address of a machine"),
        ("10.0.0.0/8", "is inside a private network"),
        ("100.64.0.0/10", "is inside a provider's private network"),
        ("127.0.0.0/8", "is the machine that SiteChat runs on"),
        ("168.63.129.16/32", "belongs to the cloud's own services"),
        ("169.254.0.0/16", "is only reachable on the local link, where clouds keep their credentials"),
        ("172.16.0.0/12", "is inside a private network"),
        ("192.0.0.0/24", "is set aside for network protocols"),
        ("192.0.2.0/24", "is set aside for examples"),
        ("192.31.196.0/24", "is set aside for network protocols"),
        ("192.52.193.0/24", "is set aside for network protocols"),
        ("192.88.99.0/24", "is set aside for network protocols"),
        ("192.168.0.0/16", "is inside a private network"),
        ("192.175.48.0/24", "is set aside for network protocols"),
        ("198.18.0.0/15", "is set aside for measurements"),
        ("198.51.100.0/24", "is set aside for examples"),
        ("203.0.113.0/24", "is set aside for examples"),
        ("224.0.0.0/4", "is not the address of one machine"),
        ("240.0.0.0/4", "is not the address of a machine"),
        ("::/128", "is not the address of a machine"),
        ("::1/128", "is the machine that SiteChat runs on"),
        ("100::/64", "leads nowhere"),
        ("2001::/23", "is set aside for network protocols"),
        ("2001:db8::/32", "is set aside for examples"),
        ("2002::/16", "is set aside for network protocols"),
        ("2620:4f:8000::/48", "is set aside for network protocols"),
        ("3fff::/20", "is set aside for examples"),
        ("5f00::/16", "is set aside for network protocols"),
        ("64:ff9b:1::/48", "is inside a private network"),
        ("fc00::/7", "is inside a private network"),
        ("fe80::/10", "is only reachable on the local link"),
        ("fec0::/10", "is inside a private network"),
        ("ff00::/8", "is not the address of one machine"),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_IN_LOW_BITS = tuple(map(IPv6Network, ("::ffff:0:0/96", "::ffff:0:0:0/96", "::/96", "64:ff9b::/96")))
_ISATAP = (0x00005EFE, 0x02005EFE)
_LOW_32 = 0xFFFFFFFF


class AddressRefused(Forbidden):
    """Nothing is fetched from there."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Public addresses may be dialled at ``ports``, ``allowed`` networks at every port that may be the web's."""

    allowed: tuple[Network, ...] = ()
    ports: frozenset[int] = WEB_PORTS

    def check(self, address: Address, port: int) -> None:
        """Raises :class:`AddressRefused` with the reason."""
        if port in NEVER_PORTS or not 0 < port < 65536:
            raise AddressRefused(f"Port {port} is not one that web pages are read from.")
        if self._is_allowed(address):
            return
        for inner in unwrap(address):
            reason = _denied(inner)
            if reason:
                raise AddressRefused(
                    f"That address {reason}, which SiteChat does not read unless its operator allows it "
                    "(SITECHAT_ALLOW_NETWORKS)."
                )
        if port not in self.ports:
            listed = ", ".join(map(str, sorted(self.ports)))
            raise AddressRefused(f"Port {port} is not one that web pages are read from; these are: {listed}.")

    def is_public(self, address: Address) -> bool:
        """Whether an address that passed is one of the public web, and not one that the operator allows."""
        return not any(map(_denied, unwrap(address)))

    def _is_allowed(self, address: Address) -> bool:
        return all(any(inner in network for network in self.allowed) for inner in unwrap(address))


def parse_networks(setting: str) -> tuple[Network, ...]:
    """``10.1.0.0/16, fd00:1::/32`` as networks. Raises :class:`SettingsError`."""
    networks: list[Network] = []
    for piece in filter(None, (part.strip() for part in setting.split(","))):
        try:
            networks.append(ip_network(piece))
        except ValueError:
            raise SettingsError(
                f"SITECHAT_ALLOW_NETWORKS: saw {piece!r}; use networks such as 10.1.0.0/16, separated by commas."
            ) from None
    return tuple(networks)


def unwrap(address: Address) -> tuple[Address, ...]:
    """The addresses that ``address`` stands for: every one of them must be allowed.

    A translated form stands for the address inside it; a tunnelled one also for itself, as packets go there first.
    """
    if isinstance(address, IPv4Address):
        return (address,)
    value = int(address)
    if address in _NAT64 or address in _IN_LOW_BITS[0]:
        return (IPv4Address(value & _LOW_32),)
    return (IPv6Address(value), *_tunnelled(IPv6Address(value)))


def _tunnelled(address: IPv6Address) -> Iterator[IPv4Address]:
    value = int(address)
    if value > 1 and any(address in network for network in _IN_LOW_BITS):
        yield IPv4Address(value & _LOW_32)
    if address in _SIX_TO_FOUR:
        yield IPv4Address(value >> 80 & _LOW_32)
    if address in _TEREDO:
        yield IPv4Address(value >> 64 & _LOW_32)
        yield IPv4Address(~value & _LOW_32)
    if address in _NAT64_LOCAL or value >> 32 & _LOW_32 in _ISATAP:
        yield IPv4Address(value & _LOW_32)


def _denied(address: Address) -> str:
    """Why an unwrapped address is refused; empty if it is public."""
    for network, reason in _DENIED:
        if address in network:
            return reason
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return "is not a public one"
    return ""


def check_all(rules: AddressRules, answers: Iterable[str], port: int) -> list[Address]:
    """The resolver's answers as addresses. Raises :class:`AddressRefused` if a single one may not be dialled."""
    addresses: list[Address] = []
    for answer in answers:
        try:
            address = ip_address(answer)
        except ValueError:
            raise AddressRefused("That name leads to something that is not an address.") from None
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            raise AddressRefused("That name leads to an address of the local link.")
        rules.check(address, port)
        addresses.append(address)
    return addresses
