"""The same text under another address is found; another text is not lost."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitechat.ingestion.site.duplicates import NearDuplicates, fingerprint
from sitechat.ingestion.site.missing import looks_like_missing


def text_of(seed: int, words: int = 600) -> str:
    """Words as frequent as in a language: few common ones, many rare."""
    chance = random.Random(seed)
    return " ".join(f"word{int(chance.paretovariate(0.7)) % 5000}" for _ in range(words))


def test_a_fingerprint_is_the_same_on_every_machine() -> None:
    assert fingerprint("The quick brown fox.") == fingerprint("the QUICK brown fox") == 0xE5A0000200E72E80
    assert fingerprint("") == fingerprint(" … ") == 0


def test_a_text_with_one_word_changed_is_mostly_found_and_named() -> None:
    found = 0
    for seed in range(50):
        known = NearDuplicates()
        words = text_of(seed, words=1600).split()
        known.add(fingerprint(" ".join(words)), "https://example.org/a")
        words[800] = "changed"
        found += known.find(fingerprint(" ".join(words))) == "https://example.org/a"
    assert found >= 45


def test_other_texts_are_not_taken_for_it() -> None:
    known = NearDuplicates()
    for seed in range(1000):
        assert known.find(fingerprint(text_of(seed, words=80))) is None
        known.add(fingerprint(text_of(seed, words=80)), str(seed))


def test_short_texts_that_differ_in_a_word_are_two() -> None:
    known = NearDuplicates()
    known.add(fingerprint("Our office in Bern opens at nine."), "bern")
    assert known.find(fingerprint("Our office in Basel opens at nine.")) is None


def test_a_text_without_spaces_is_compared_by_its_characters() -> None:
    text = "".join(chr(0x4E00 + random.Random(seed).randrange(3000)) for seed in range(800))
    known = NearDuplicates()
    known.add(fingerprint(text), "zh")
    assert known.find(fingerprint(text[:400] + "新" + text[401:])) == "zh"


@given(st.integers(1, 2**64 - 1), st.sets(st.integers(0, 63), max_size=5))
def test_up_to_five_bits_apart_is_always_found(known_as: int, bits: set[int]) -> None:
    known = NearDuplicates()
    known.add(known_as, "a")
    other = known_as
    for bit in bits:
        other ^= 1 << bit
    assert known.find(other) == ("a" if other else None)


@given(st.integers(1, 2**64 - 1), st.sets(st.integers(0, 63), min_size=6))
def test_more_than_five_bits_apart_never_is(known_as: int, bits: set[int]) -> None:
    known = NearDuplicates()
    known.add(known_as, "a")
    other = known_as
    for bit in bits:
        other ^= 1 << bit
    assert known.find(other) is None


def test_the_first_name_stays_and_pages_without_words_are_none() -> None:
    known = NearDuplicates()
    known.add(7, "first")
    known.add(7, "second")
    known.add(0, "empty")
    assert known.find(7) == "first"
    assert known.find(0) is None


def test_memory_is_bounded_by_forgetting_the_oldest() -> None:
    known = NearDuplicates(capacity=10)
    for number in range(100):
        known.add(random.Random(number).getrandbits(64), str(number))
    assert known.find(random.Random(99).getrandbits(64)) == "99"
    assert known.find(random.Random(0).getrandbits(64)) is None
    assert (len(known._names), sum(map(len, known._buckets.values()))) == (10, 60)


def test_many_pages_are_searched_in_no_time_even_if_all_fall_into_one_bucket() -> None:
    known = NearDuplicates(capacity=20_000)
    started = time.process_time()
    for number in range(22_000):
        alike = number << 20 | 0xFFFF
        known.find(alike)
        known.add(alike, str(number))
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("404", "Nothing here."),
        ("404 Not Found", "nginx"),
        ("Error 404", ""),
        ("Page not found | Example", "Try the search."),
        ("Example – Page Not Found", "Try the search."),
        ("404 - Not found - Example", "x"),
        ("Oops! This page could not be found", "Go home."),
        ("Seite nicht gefunden · Beispiel", "Zur Startseite"),
        ("Страница не найдена", "На главную"),
        ("Example", "Sorry, the page you requested was not found."),
        ("Example", "404\nPage not found\nBack to the start"),
        ("例", "ページが見つかりません"),
    ],
)
def test_an_error_page_is_told_whatever_its_status(title: str, text: str) -> None:
    assert looks_like_missing(title, text)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("404 Main Street", "A house for sale."),
        ("Peugeot 404", "A car."),
        ("Not found in translation", "A film."),
        ("How to fix “page not found”", "Check the address."),
        ("404 Not Found", "What the status means. " * 100),
        ("Opening hours", "The page on opening hours was not found useful by all."),
        ("Keys", "A key that is not found raises KeyError."),
        ("", ""),
    ],
)
def test_a_page_that_only_speaks_of_such_things_is_kept(title: str, text: str) -> None:
    assert not looks_like_missing(title, text)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_words_break_it(title: str, text: str) -> None:
    assert looks_like_missing(title, text) in (True, False)
    assert 0 <= fingerprint(text) < 2**64
