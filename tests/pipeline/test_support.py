"""What a passage says to a sentence, told without a language model."""

from datetime import UTC, datetime

import pytest

from sitechat.pipeline.facts import facts, number_forms
from sitechat.pipeline.support import Source, Verdict, judge
from sitechat.storage.values import Chunk

TEXT = (
    "The Cellar Company was founded in Bergen in March 1987 by Anna Lund. It keeps 1,500 tons of plums at 4 degrees. "
    "Two of its seven houses are cooled by sea water. Figs are not stored there. Prices increase in winter."
)


def judged(sentence: str, *, cosine: float | None = 0.8, text: str = TEXT, title: str = "Cellars") -> Verdict:
    chunk = Chunk(
        1,
        "d",
        "b",
        0,
        100,
        100 + len(text),
        text,
        (),
        None,
        title,
        "c.md",
        "text/plain",
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    return judge(sentence, Source(1, chunk), (), lambda _: cosine)


def kinds(verdict: Verdict) -> set[str]:
    return {reason.kind for reason in verdict.reasons}


@pytest.mark.parametrize(
    "sentence", ["Figs are not stored there.", "Figs are *not* stored there", "prices increase in winter"]
)
def test_what_is_quoted_is_supported_whatever_the_vectors_say(sentence: str) -> None:
    verdict = judged(sentence, cosine=-1.0)
    assert (verdict.support, verdict.quoted) == ("supported", True)


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("The rate limit is 50.", "The rate limit is 500 requests per minute."),
        ("The price is 4.", "The price is 4.50 per plum."),
        ("The price is 450.", "The price is 4.50."),
        ("Guests may upload files.", "No guests may upload files."),
        ("Guests may upload files.", "Guests may upload files if an owner allows it."),
        ("Yes.", "Close your eyes."),
    ],
)
def test_a_part_of_a_sentence_is_no_quotation(sentence: str, text: str) -> None:
    assert not judged(sentence, text=text).quoted


@pytest.mark.parametrize("sentence", ["Figs are not stored there. Prices increase in winter.", "Keep it cool. Always."])
def test_several_whole_sentences_are_one(sentence: str) -> None:
    assert judged(sentence, text=f"{TEXT}\n\n- Keep it cool. Always.\n- Label it.").quoted


@pytest.mark.parametrize(
    "sentence",
    [
        "Anna Lund founded the Cellar Company in Bergen.",
        "The company keeps 1500 tons of plums at four degrees.",
        "The Cellar Company was founded in the 1980s.",
        "It was founded in the 20th century in Bergen by Lund.",
        "Figs aren't stored in the cellars.",
    ],
)
def test_the_same_in_other_words_is_supported(sentence: str) -> None:
    assert judged(sentence).support == "supported", judged(sentence).reasons


@pytest.mark.parametrize(
    ("sentence", "kind", "words"),
    [
        ("It keeps 1,700 tons of plums at 4 degrees.", "number", "1,700"),
        ("Two of its nine houses are cooled by sea water.", "number", "nine"),
        ("The Cellar Company was founded in Bergen in 1988.", "date", "1988"),
        ("The Cellar Company was founded in Bergen in May 1987.", "date", "May"),
        ("The Cellar Company was founded in Oslo in March 1987.", "name", "Oslo"),
        ("The Cellar Company was founded in Bergen by Anna Berg.", "name", "Berg"),
    ],
)
def test_a_number_date_or_name_that_is_not_there_is_named(sentence: str, kind: str, words: str) -> None:
    verdict = judged(sentence)
    assert verdict.support != "supported"
    assert (kind, words) in {(reason.kind, reason.words) for reason in verdict.reasons if not reason.elsewhere}


def test_a_number_of_another_sentence_is_weak() -> None:
    verdict = judged("It keeps 1987 tons of plums at 4 degrees.")
    assert verdict.support == "weak"
    assert [(reason.kind, reason.elsewhere) for reason in verdict.reasons] == [("date", True)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Figs are stored there.",
        "It does not keep 1,500 tons of plums.",
        "Two of the houses are never cooled by sea water.",
    ],
)
def test_a_denial_on_one_side_only_is_seen(sentence: str) -> None:
    assert "negation" in kinds(judged(sentence))


def test_the_opposite_of_a_word_is_seen() -> None:
    assert kinds(judged("Prices decrease in winter.")) == {"opposite"}


def test_what_the_passage_does_not_speak_of_is_unsupported() -> None:
    verdict = judged("Penguins breed on islands near Antarctica.", cosine=0.1)
    assert verdict.support == "unsupported"
    assert verdict.foreign


def test_without_vectors_words_alone_decide() -> None:
    assert judged("Anna Lund founded the Cellar Company in Bergen.", cosine=None).support == "supported"
    assert judged("Penguins breed on islands near Antarctica.", cosine=None).foreign


def test_names_count_whether_written_with_accents_points_or_by_initials() -> None:
    text = "Kücükdeveci sued in the U.S. The World Health Organization looked on."
    assert judged("Kucukdeveci sued in the US.", text=text).support == "supported"
    assert "name" not in kinds(judged("The WHO looked on.", text=text))


def test_the_title_is_part_of_what_a_passage_says() -> None:
    assert "name" not in kinds(judged("The Lund Cellars keep 1,500 tons of plums.", title="Lund cellars"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("1.5 million", "1,500,000"),
        ("twenty-one", "21"),
        ("3.50", "3,5"),
        ("5 million", "5 to 6 million"),
        ("May 2024", "2024-05-03"),
        ("the 1700s", "the 17th and 18th centuries"),
        ("ten", "10th"),
    ],
)
def test_a_number_is_found_in_any_of_its_forms(said: str, told: str) -> None:
    for fact in facts(f"it was {said}"):
        assert fact.forms & number_forms(told), fact


@pytest.mark.parametrize(
    ("said", "told"), [("5 billion", "5 million"), ("15", "1.5"), ("1", "1,500,000"), ("8", "18th century")]
)
def test_another_number_is_not(said: str, told: str) -> None:
    (fact,) = facts(f"it was {said}")
    assert not fact.forms & number_forms(told)
