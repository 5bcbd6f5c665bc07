"""A site that makes up addresses without end is left in time; an ordinary large one is not."""

import calendar
import time
from random import Random

from sitechat.ingestion.site.novelty import Novelty
from sitechat.ingestion.site.traps import TrapBudgets, TrapGuard
from sitechat.ingestion.urls import WebAddress, parse_url


def at(target: str) -> WebAddress:
    return parse_url(f"https://example.org{target}")


def odd(target: str) -> str | None:
    return TrapGuard().odd(at(target))


def ask(guard: TrapGuard, target: str, text: str = "") -> str | None:
    """Ask for a page, if it is worth it, and be told ``text``."""
    why = guard.exhausted(at(target))
    if why is None:
        guard.asked(at(target))
        guard.told(at(target), text)
    return why


def prose(number: int) -> str:
    """A text that shares hardly a pair of words with another number's."""
    nouns = ("blossom", "grain", "stone", "river")
    words = Random(number).choices([f"{noun}{letter}" for noun in nouns for letter in "abcdefghij"], k=40)
    return " ".join(words)


def test_a_path_that_repeats_itself_is_a_loop() -> None:
    assert odd("/a/b/a/b/a/b") == "Its path repeats “a” 3 times; 3 times look like an endless loop."
    assert odd("/a/b/a/b") is None


def test_a_date_with_equal_numbers_is_no_loop() -> None:
    assert odd("/2011/11/11/11/party") is None


def test_long_deep_and_crowded_addresses_are_traps() -> None:
    assert odd("/" + "a" * 3000) == "Its address has 3,020 characters; at most 2,000 are followed."
    deep = "".join(f"/f{number}" for number in range(16))
    assert odd(deep) == "Its path is 16 folders deep; at most 15 are followed."
    crowded = "&".join(f"p{number}=1" for number in range(11))
    assert odd(f"/a?{crowded}") == "Its address has 11 parameters; at most 10 are followed."


def test_a_calendar_without_events_is_left_early_and_the_reason_says_why() -> None:
    """Its pages differ in the month, the links to its neighbours, and nothing else."""
    guard = TrapGuard()
    months = calendar.month_name[1:]
    read = 0
    for number in range(1000):
        year, month = 2000 + number // 12, number % 12 + 1
        text = f"{months[month - 1]} {year}. No events. Earlier: {year} {month - 1:02}. Later: {year} {month + 1:02}."
        why = ask(guard, f"/events/{year}/{month:02}", text)
        if why is not None:
            break
        read += 1
    assert why == "100 pages like /events/*/* brought nothing new, so no more of them are read."
    assert 100 <= read < 150
    assert ask(guard, "/events/about") is None


def test_numbered_pages_are_read_for_as_long_as_they_say_new_things() -> None:
    guard = TrapGuard()
    assert {ask(guard, f"/product?id={number}", f"Product {number}. {prose(number)}") for number in range(1500)} == {
        None
    }
    assert {ask(guard, f"/blog/{number}", f"Post {number}. {prose(5000 + number)}") for number in range(1500)} == {None}


def test_identifiers_count_as_numbers_do() -> None:
    guard = TrapGuard(TrapBudgets(barren=1))
    assert ask(guard, "/session/0b5c1e1e-8f0a-4c3e-9a53-0c5f0a9d9b11") is None
    assert ask(guard, "/session/deadbeef00ff11ee22dd") is not None


def test_filters_that_show_the_same_things_are_left_early() -> None:
    """A shop that lists the same goods in another order for each filter."""
    guard = TrapGuard()
    goods = [prose(number) for number in range(10)]
    reasons = []
    for number in range(300):
        listing = " ".join(Random(number).sample(goods, 10))
        reasons.append(ask(guard, f"/shop?color={number}&size={number % 7}", listing))
    assert reasons[-1] == "100 variants of /shop brought nothing new, so no more of them are read."
    assert reasons.count(None) < 200
    assert ask(guard, "/other?color=1") is None
    assert ask(guard, "/shop") is None


def test_another_host_has_budgets_of_its_own() -> None:
    guard = TrapGuard(TrapBudgets(barren=1))
    assert ask(guard, "/1") is None
    assert ask(guard, "/2") is not None
    assert guard.exhausted(parse_url("https://other.example.org/1")) is None


def test_pages_with_names_are_never_counted() -> None:
    guard = TrapGuard(TrapBudgets(barren=1))
    assert all(ask(guard, f"/articles/{chr(97 + number % 26) * (number + 1)}") is None for number in range(200))


def test_a_page_that_was_not_asked_for_after_all_does_not_count() -> None:
    guard = TrapGuard(TrapBudgets(barren=1))
    guard.asked(at("/1"))
    guard.released(at("/1"))
    assert guard.exhausted(at("/2")) is None


def test_memory_is_bounded_and_a_trap_in_use_is_remembered() -> None:
    guard = TrapGuard(TrapBudgets(barren=1000, shapes=100))
    for number in range(1000):
        assert ask(guard, f"/calendar/{number}") is None
        assert ask(guard, f"/{'x' * (number + 1)}/{number}") is None
    assert len(guard._barren) == 100
    assert ask(guard, "/calendar/1000") is not None
    novelty = Novelty(most=1000)
    for number in range(200):
        novelty.is_new(b"pattern", prose(number), "/1")
    assert len(novelty._recent) + len(novelty._older) < 1200


def test_the_longest_address_is_judged_in_no_time() -> None:
    guard = TrapGuard()
    started = time.process_time()
    for _ in range(100):
        ask(guard, "/" + "f" * 1900)
    assert time.process_time() - started < 1
