"""A list of hostile addresses that is kept outside the repository, judged by who is dialled.

Where the list is missing, these tests are not collected: see ``conftest.py``.
"""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from sitechat.ingestion.urls import parse_url
from tests.fixtures.ssrf import PUBLIC, answer_for, observed, path_of, read_through
from tests.fixtures.web import response
from tests.support.shared import shared

_LIST = shared("ssrf/urls.jsonl")
_OWN = ("public.test", "xn--bcher-kva.test")
_SERVED = ("redirect", "second-order")


@dataclass(frozen=True)
class Row:
    """``target`` is what the address tries to reach, ``cls`` by which means, ``expect`` what must come of it."""

    url: str
    target: str
    cls: str
    expect: str

    @property
    def scheme_port(self) -> int:
        return 443 if self.url.startswith("https:") else 80


ROWS = [Row(**json.loads(line)) for line in _LIST.read_text("utf-8").splitlines()] if _LIST is not None else []


def rows(expect: str, *, served: bool) -> list[Row]:
    return [row for row in ROWS if row.expect == expect and (row.cls in _SERVED) == served]


def test_the_list_is_whole() -> None:
    assert {row.expect for row in ROWS} == {"block", "allow"}
    assert len(ROWS) >= 343


@pytest.mark.parametrize("row", rows("block", served=False), ids=lambda row: f"{row.cls} {row.url!a}")
async def test_blocked_addresses_are_never_dialled(row: Row) -> None:
    """A name that gives a public address first and an inner one later is dialled at the public one alone."""
    async with observed({"/": response(b"<p>A page.</p>")}, *_OWN) as (fetcher, seen):
        errors = [await read_through(fetcher, row.url) for _ in range(2)]
    rebinds = row.target.startswith("rebind.")
    assert seen.dialled == ([(PUBLIC, 80)] if rebinds else [])
    assert rebinds or None not in errors
    assert seen.nothing_around()


@pytest.mark.parametrize("row", rows("block", served=True), ids=lambda row: f"{row.cls} {row.url!a}")
async def test_what_public_pages_lead_to_is_never_dialled(row: Row) -> None:
    async with observed({path_of(row.url): answer_for(row.url, row.target)}, *_OWN) as (fetcher, seen):
        await read_through(fetcher, row.url)
    assert set(seen.dialled) == {(PUBLIC, 80)}
    assert seen.nothing_around()


@pytest.mark.parametrize("row", rows("allow", served=False), ids=lambda row: ascii(row.url))
async def test_allowed_addresses_are_dialled_exactly(row: Row) -> None:
    """The dial itself is what counts: nobody answers it."""
    host = parse_url(row.url).host
    literal = host.replace(".", "").isdigit()
    address = host if literal else PUBLIC
    async with observed({}, *_OWN, unreachable=(address,)) as (fetcher, seen):
        await read_through(fetcher, row.url)
    assert seen.dialled == [(address, urlsplit(row.url).port or row.scheme_port)]
    assert seen.resolver.asked == ([] if literal else [host])
    assert seen.nothing_around()
