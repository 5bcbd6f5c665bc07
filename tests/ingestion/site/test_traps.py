"""A site that makes up addresses without end is left in time; an ordinary large one is not."""

import time

from sitechat.ingestion.site.traps import TrapBudgets, TrapGuard
from sitechat.ingestion.urls import parse_url


def admit(guard: TrapGuard, target: str) -> str | None:
    return guard.admit(parse_url(f"https://example.org{target}"))


def test_a_path_that_repeats_itself_is_a_loop() -> None:
    assert admit(TrapGuard(), "/a/b/a/b/a/b") == "Its path repeats “a” 3 times; 3 times look like an endless loop."
    assert admit(TrapGuard(), "/a/b/a/b") is None


def test_a_date_with_equal_numbers_is_no_loop() -> None:
    assert admit(TrapGuard(), "/2011/11/11/11/party") is None


def test_long_deep_and_crowded_addresses_are_traps() -> None:
    assert admit(TrapGuard(), "/" + "a" * 3000) == "Its address has 3,020 characters; at most 2,000 are followed."
    deep = "".join(f"/f{number}" for number in range(16))
    assert admit(TrapGuard(), deep) == "Its path is 16 folders deep; at most 15 are followed."
    crowded = "&".join(f"p{number}=1" for number in range(11))
    assert admit(TrapGuard(), f"/a?{crowded}") == "Its address has 11 parameters; at most 10 are followed."


def test_a_calendar_has_a_budget_that_the_reason_states() -> None:
    guard = TrapGuard(TrapBudgets(pages_of_shape=500))
    reasons = [admit(guard, f"/events/{2000 + number // 12}/{number % 12 + 1:02}") for number in range(501)]
    assert reasons[:500] == [None] * 500
    assert reasons[500] == "There are more than 500 pages like /events/*/*; no more are read."
    assert admit(guard, "/events/about") is None


def test_identifiers_count_as_numbers_do() -> None:
    guard = TrapGuard(TrapBudgets(pages_of_shape=1))
    assert admit(guard, "/session/0b5c1e1e-8f0a-4c3e-9a53-0c5f0a9d9b11") is None
    assert admit(guard, "/session/deadbeef00ff11ee22dd") is not None


def test_filters_have_a_budget_for_each_page() -> None:
    guard = TrapGuard(TrapBudgets(queries_of_path=100))
    reasons = [admit(guard, f"/shop?color={number}&size={number % 7}") for number in range(101)]
    assert reasons[:100] == [None] * 100
    assert reasons[100] == "There are more than 100 variants of /shop; no more are read."
    assert admit(guard, "/other?color=1") is None
    assert admit(guard, "/shop") is None


def test_another_host_has_budgets_of_its_own() -> None:
    guard = TrapGuard(TrapBudgets(pages_of_shape=1))
    assert admit(guard, "/1") is None
    assert guard.admit(parse_url("https://other.example.org/1")) is None


def test_pages_with_names_are_never_counted() -> None:
    guard = TrapGuard(TrapBudgets(pages_of_shape=1, queries_of_path=1))
    assert all(admit(guard, f"/articles/{chr(97 + number % 26) * (number + 1)}") is None for number in range(200))


def test_memory_is_bounded_and_a_trap_in_use_is_remembered() -> None:
    guard = TrapGuard(TrapBudgets(pages_of_shape=1000, shapes=100))
    for number in range(1000):
        assert admit(guard, f"/calendar/{number}") is None
        assert admit(guard, f"/{'x' * (number + 1)}/{number}") is None
    assert len(guard._counts) == 100
    assert admit(guard, "/calendar/1000") is not None


def test_the_longest_address_is_judged_in_no_time() -> None:
    guard = TrapGuard()
    started = time.process_time()
    for _ in range(100):
        admit(guard, "/" + "f" * 1900)
    assert time.process_time() - started < 1
