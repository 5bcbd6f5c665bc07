"""Politeness: one request to a site at a time, with a pause that the site can make longer."""

import asyncio
from itertools import pairwise
from time import monotonic

from sitechat.ingestion.site.turns import LONGEST_ASKED, Turns


async def visit(turns: Turns, site: str, log: list[tuple[str, float, float]], seconds: float = 0.02) -> None:
    async with turns.turn(site):
        begun = monotonic()
        await asyncio.sleep(seconds)
        log.append((site, begun, monotonic()))


async def test_requests_to_one_site_never_overlap_and_keep_their_distance() -> None:
    turns, log = Turns(0.05), list[tuple[str, float, float]]()
    await asyncio.gather(*(visit(turns, "a.test", log) for _ in range(4)))
    gaps = [later[1] - earlier[2] for earlier, later in pairwise(log)]
    assert min(gaps) >= 0.045


async def test_sites_do_not_wait_for_each_other() -> None:
    turns, log = Turns(0.05), list[tuple[str, float, float]]()
    await asyncio.gather(visit(turns, "a.test", log, 0.2), visit(turns, "b.test", log, 0.01))
    assert [site for site, _, _ in log] == ["b.test", "a.test"]


def test_a_site_may_ask_for_more_but_not_for_for_ever() -> None:
    turns = Turns(0.05)
    turns.asks_for("a.test", 5.0)
    assert turns.why("a.test") == "the site (robots.txt asks for 5 s between pages)"
    turns.asks_for("a.test", 86_400.0)
    assert turns.why("a.test") == f"the site (robots.txt asks for {LONGEST_ASKED:g} s between pages)"
    turns.asks_for("a.test", None)
    assert turns.why("a.test") is None


def test_trouble_slows_down_and_good_answers_speed_up_again() -> None:
    turns = Turns(0.25)
    turns.troubled("a.test", None)
    turns.troubled("a.test", None)
    turns.troubled("a.test", None)
    assert turns.why("a.test") == "the site (it is busy, so 4 s lie between pages)"
    for _ in range(5):
        turns.fine("a.test")
    assert turns.why("a.test") is None
