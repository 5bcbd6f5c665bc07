"""Which addresses may be dialled, and how a web address is taken apart."""

from ipaddress import ip_address

import pytest

from sitechat.errors import SettingsError
from sitechat.ingestion.addresses import AddressRefused, AddressRules, check_all, parse_networks
from sitechat.ingestion.urls import BadUrl, parse_url

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.0",
    "100.128.0.1",
    "192.0.1.1",
    "198.20.0.1",
    "223.255.255.1",
]
PRIVATE = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16"),
    *("169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
]
PRIVATE_V6 = [
    *("::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1", "2001:db8::1", "3fff::1"),
    *("2001::1", "2002:101:101::1", "5f00::1", "64:ff9b:1::1", "4000::1"),
]


def dressed(address: str) -> list[str]:
    """Every form in which an IPv6 address can carry ``address``."""
    value = int(ip_address(address))
    high, low = f"{value >> 16:x}", f"{value & 0xFFFF:x}"
    flipped = value ^ 0xFFFFFFFF
    return [
        f"::ffff:{address}",
        f"::ffff:0:{high}:{low}",
        f"::{high}:{low}",
        f"64:ff9b::{high}:{low}",
        f"64:ff9b:1::{high}:{low}",
        f"2002:{high}:{low}::1",
        f"2001:0:{high}:{low}:0:0:808:808",
        f"2001:0:808:808:0:0:{flipped >> 16:x}:{flipped & 0xFFFF:x}",
        f"2a00:1450::5efe:{high}:{low}",
    ]


@pytest.mark.parametrize(
    "address", [*PUBLIC, "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_addresses_may_be_dialled(address: str) -> None:
    AddressRules().check(ip_address(address), 443)


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_V6])
def test_addresses_that_are_not_public_may_not(address: str) -> None:
    with pytest.raises(AddressRefused, match="SITECHAT_ALLOW_NETWORKS"):
        AddressRules().check(ip_address(address), 80)


@pytest.mark.parametrize("address", [form for address in PRIVATE for form in dressed(address)])
def test_no_disguise_helps(address: str) -> None:
    with pytest.raises(AddressRefused):
        AddressRules().check(ip_address(address), 80)


@pytest.mark.parametrize("port", [1, 22, 25, 53, 3000, 3306, 5432, 6379, 8500, 9200, 11211, 27017, 65535])
def test_ports_of_other_services_are_refused(port: int) -> None:
    with pytest.raises(AddressRefused, match=f"Port {port}"):
        AddressRules().check(ip_address("1.1.1.1"), port)


def test_an_operator_can_allow_a_network_and_only_that() -> None:
    rules = AddressRules(parse_networks("10.1.0.0/16, fd00:1::/32"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00:1::5"):
        rules.check(ip_address(address), 3000)
    for address in ("10.2.0.1", "fd00:2::5", "127.0.0.1", "::1"):
        with pytest.raises(AddressRefused):
            rules.check(ip_address(address), 80)


def test_an_allowed_network_opens_no_databases() -> None:
    """A web request can make some of them do things."""
    rules = AddressRules(parse_networks("127.0.0.0/8,::1/128"))
    rules.check(ip_address("::1"), 8000)
    with pytest.raises(AddressRefused, match="Port 6379"):
        rules.check(ip_address("127.0.0.1"), 6379)


def test_one_bad_answer_spoils_the_name() -> None:
    with pytest.raises(AddressRefused, match="the machine that SiteChat runs on"):
        check_all(AddressRules(), ["1.1.1.1", "127.0.0.1"], 80)


@pytest.mark.parametrize("answer", ["fe80::1%eth0", "nonsense", "1.1.1"])
def test_answers_that_are_no_plain_address_are_refused(answer: str) -> None:
    with pytest.raises(AddressRefused):
        check_all(AddressRules(), [answer], 80)


@pytest.mark.parametrize("setting", ["10.0.0.1/8", "intranet", "10.0.0.0/33"])
def test_a_wrong_network_names_the_setting(setting: str) -> None:
    with pytest.raises(SettingsError, match="SITECHAT_ALLOW_NETWORKS"):
        parse_networks(setting)
    assert parse_networks("") == ()


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://example.org", "https://example.org/"),
        (" HTTP://Example.ORG:80/A?b=c#d ", "http://example.org/A?b=c"),
        ("https://example.org.:8443/", "https://example.org:8443/"),
        ("https://bücher.example/süß x", "https://xn--bcher-kva.example/s%C3%BC%C3%9F%20x"),
        ("https://example.org/a%20b?q=\\", "https://example.org/a%20b?q=%5C"),
        ("http://[2606:4700:0::1111]/", "http://[2606:4700::1111]/"),
        ("http://localhost.example.org/", "http://localhost.example.org/"),
        ("https://example.org?q", "https://example.org/?q"),
    ],
)
def test_a_plain_address_is_understood(url: str, read: str) -> None:
    assert str(parse_url(url)) == read


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.org", "http:", "http:///path", "http:10.0.0.1/", "//example.org/", "ftp://example.org/"),
        *(
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "http+unix://%2Fsock/",
            "view-source:http://x/",
        ),
        *("http://user@example.org/", "http://user:pass@example.org/", "http://example.org@10.0.0.1/", "http://a@b@c/"),
        *("http:\\\\10.0.0.1\\", "http://example.org\\@10.0.0.1/", "http://exa\tmple.org/", "http://example.org\n/"),
        *("http://%31%32%37.0.0.1/", "http://example.org%00.evil/", "http://[::1%25lo]/", "http://[fe80::1%eth0]/"),
        *("http://127.1/", "http://0177.0.0.1/", "http://0x7f000001/", "http://2130706433/", "http://127.0.0.01/"),
        *("http://0x7f.1/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://0/", "http://example.0x7f/"),
        *("http://１２７.0.0.1/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://exam／ple.org/"),
        *("http://[::1/", "http://::1/", "http://[1.2.3.4]/", "http://example.org:99999/", "http://example.org:0/"),
        *("http://-a.example/", "http://a..example/", "http://" + "a" * 64 + ".example/", "http://x/" + "a" * 9000),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        parse_url(url)


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b?c", "https://example.org/b?c"),
        ("next", "https://example.org/a/next"),
        ("//other.example/", "https://other.example/"),
        ("http://other.example:8080", "http://other.example:8080/"),
    ],
)
def test_a_redirect_is_read_from_where_it_stands(location: str, leads_to: str) -> None:
    assert str(parse_url("https://example.org/a/here").join(location)) == leads_to


@pytest.mark.parametrize(
    "location", ["/\\10.0.0.1/", "file:///etc/passwd", "http://a@b/", "http://127.1/", "\\\\10.0.0.1"]
)
def test_a_redirect_is_held_to_the_same_rules(location: str) -> None:
    with pytest.raises(BadUrl):
        parse_url("https://example.org/a").join(location)
