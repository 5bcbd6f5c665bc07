"""Answers by quotation: the right sentence, its mark, and a plain no when nothing fits."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from providers.base import FinishDelta, NoAnswerDelta, Passage, Quote, Request, TextDelta
from providers.evidence import COMPARED, rank
from providers.extractive import Extractive
from tests.providers.collect import listen

BRIDGE = Passage(
    1,
    "Tower Bridge",
    "History",
    "Tower Bridge crosses the Thames close to the Tower of London. Construction started in 1886. "
    "The bridge was opened on 30 June 1894 by the Prince of Wales. It was designed by Horace Jones, "
    "who died in 1887. The bascules were raised with steam power until 1976, because oil was cheaper after that.",
    1.2,
)
HARBOUR = Passage(
    2,
    "Harbour Bridge",
    "",
    "- The Harbour Bridge was opened on 19 March 1932.\n- It carries rail and road traffic.\n- It is 134 metres high.",
    0.9,
)
OTHER = Passage(3, "Gardens", "", "Roses need sun. Water them twice a week in dry summers.", 0.3)


def ask(question: str, *passages: Passage) -> Request:
    return Request((), question=question, passages=passages or (BRIDGE, HARBOUR, OTHER))


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("When was Tower Bridge opened?", "The bridge was opened on 30 June 1894 by the Prince of Wales. [1]"),
        ("Who designed Tower Bridge?", "It was designed by Horace Jones, who died in 1887. [1]"),
        ("How high is the Harbour Bridge?", "It is 134 metres high. [2]"),
        ("When was the Harbour Bridge opened?", "The Harbour Bridge was opened on 19 March 1932. [2]"),
    ],
)
async def test_the_sentence_that_answers_is_quoted_with_its_mark(question: str, wanted: str) -> None:
    """As it stands in the passage, without the mark of its list."""
    heard = await listen(Extractive(), ask(question))
    assert wanted in heard.text
    assert heard.finish == "stop"


async def test_at_most_three_sentences_in_reading_order() -> None:
    """By passage and position, each with its own mark."""
    heard = await listen(Extractive(threshold=0), ask("When was the bridge opened and who designed the bridge?"))
    quotes = [line for part in heard.text.split("\n\n") for line in part.split("] ")]
    assert 1 <= len(quotes) <= 3
    order = [BRIDGE.text.find(quote.split(" [")[0]) for quote in quotes if quote.split(" [")[0] in BRIDGE.text]
    assert order == sorted(order)


async def test_it_streams_in_small_pieces() -> None:
    """The page shows it like any other answer; joined, the pieces are the text."""
    heard = await listen(Extractive(), ask("When was Tower Bridge opened?"))
    pieces = [delta for delta in heard.deltas if isinstance(delta, TextDelta)]
    assert len(pieces) > 5
    assert isinstance(heard.deltas[-1], FinishDelta)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Mongolia?",
        "How do I configure a database index?",
        "When was Tower Bridge closed in 1894?",
        "Why was Tower Bridge not opened in 1905?",
    ],
)
async def test_what_the_passages_do_not_answer_is_refused(question: str) -> None:
    """Nothing is quoted: one delta says so, with the score."""
    unlike = (replace(passage, score=0.4) for passage in (BRIDGE, HARBOUR, OTHER))
    heard = await listen(Extractive(), ask(question, *unlike))
    assert len(heard.deltas) == 1
    assert isinstance(heard.deltas[0], NoAnswerDelta)


async def test_nothing_found_is_a_refusal() -> None:
    """A question without passages that is no small talk."""
    heard = await listen(Extractive(), Request((), question="What does the index of the database do at night?"))
    assert heard.deltas == [NoAnswerDelta(0.0)]


@pytest.mark.parametrize(
    "said", ["Hello!", "hi there", "Thanks a lot", "What can you do?", "bye", "How are you?", "great!"]
)
async def test_small_talk_gets_a_friendly_line(said: str) -> None:
    """And says what can be asked."""
    heard = await listen(Extractive(), Request((), question=said))
    assert heard.text
    assert heard.finish == "stop"
    assert "[" not in heard.text


async def test_similarity_is_asked_for_the_best_few_and_decides() -> None:
    """The search model sees no more than it must, and can turn the choice."""
    seen: list[str] = []

    async def similarity(question: str, texts: Sequence[str]) -> Sequence[float]:
        seen.extend(texts)
        return [1.0 if "steam" in text else 0.0 for text in texts]

    ranked = await rank("When did the bridge use steam power?", [BRIDGE, HARBOUR, OTHER], similarity)
    assert len(seen) <= COMPARED
    assert "steam" in ranked[0].text


async def test_it_answers_though_the_search_model_fails() -> None:
    """It only sharpens the choice."""

    async def similarity(question: str, texts: Sequence[str]) -> Sequence[float]:
        raise RuntimeError("The model is not loaded.")

    heard = await listen(Extractive(similarity), ask("When was Tower Bridge opened?"))
    assert "1894" in heard.text


async def test_sentences_that_were_chosen_beforehand_are_quoted_as_they_are() -> None:
    """Nothing is ranked a second time, whatever the passages hold."""
    chosen = (Quote(1, "Construction started in 1886."), Quote(2, "It is 134 metres high."))
    request = replace(ask("What is the capital of Mongolia?"), evidence=chosen)
    heard = await listen(Extractive(), request)
    assert heard.text == "Construction started in 1886. [1]\n\nIt is 134 metres high. [2]"


async def test_reference_marks_of_the_source_do_not_become_ours() -> None:
    """``[2]`` in an encyclopaedia is not evidence from the second passage."""
    passage = Passage(1, "Bridge", "", "The old bridge was opened in 1894.[2] It is red.[3]", 1.2)
    heard = await listen(Extractive(), ask("When was the old bridge opened?", passage, HARBOUR))
    assert heard.text.startswith("The old bridge was opened in 1894. [1]")


async def test_the_same_sentence_twice_is_quoted_once() -> None:
    """Near-duplicate passages do not make an answer longer."""
    copy = Passage(2, BRIDGE.title, BRIDGE.heading, BRIDGE.text, 1.1)
    heard = await listen(Extractive(), ask("When was Tower Bridge opened?", BRIDGE, copy))
    assert heard.text.count("30 June 1894") == 1


async def test_a_question_in_the_documents_is_not_quoted_but_what_answers_it_is() -> None:
    text = "How long are backups kept? They stay for thirty days. Where are they? In the cellar of the head office."
    passages = (Passage(1, "Backups", "", text, 0.9), Passage(2, "Coffee", "", "The machine needs beans.", 0.1))
    request = Request((), question="How long are backups kept?", passages=passages)
    said = "".join([delta.text async for delta in Extractive().stream(request) if isinstance(delta, TextDelta)])
    assert said.startswith("They stay for thirty days. [1]")
    assert "?" not in said
