"""Questions made from passages: clear, answered where they say so, and not answered where they say that."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from providers.base import TextDelta
from providers.scripted import Scripted
from sitechat.identity import LOCAL
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.made_questions import MadeQuestion, make_questions, twisted
from sitechat.pipeline.state import TurnState
from sitechat.pipeline.written_questions import written_questions
from sitechat.storage.values import Chunk
from tests.support.shop import Shop

BACKUPS = (
    "Backups are kept for thirty days. The archive was opened on 3 May 1994 by Horace Jones in London. "
    "A restore is a copy of the archive that replaces the present data. The server was moved to Leeds because the "
    "cellar floods every winter. They may also be wrong. The archive holds 12 volumes of printed maps."
)


def chunk(text: str, number: int = 1, **changes: object) -> Chunk:
    facts: dict[str, object] = {
        "id": number,
        "document_id": f"d{number}",
        "knowledge_base_id": "k1",
        "ordinal": 0,
        "start": 0,
        "end": len(text),
        "text": text,
        "heading_path": (),
        "page": None,
        "title": "Operations",
        "uri": f"file:{number}.md",
        "media_type": "text/markdown",
        "read_at": datetime.now(UTC),
    }
    return Chunk(**(facts | changes))  # type: ignore[arg-type]


def made_of(text: str) -> dict[str, MadeQuestion]:
    """One passage in many, so that none of its questions is left out."""
    return {made.text: made for number in range(40) for made in make_questions([chunk(text)], 40, seed=number)}


@pytest.mark.parametrize(
    ("sentence", "question", "expected"),
    [
        ("Backups are kept for thirty days.", "How many days are Backups kept for?", "thirty"),
        (
            "The archive was opened on 3 May 1994 by the mayor.",
            "When was the archive opened by the mayor?",
            "3 May 1994",
        ),
        (
            "The bridge was designed by Horace Jones in London.",
            "Who was the bridge designed by in London?",
            "Horace Jones",
        ),
        ("A restore is a copy of the archive that is new.", "What is a restore?", "a copy of the archive"),
        (
            "The server was moved to Leeds because the cellar floods.",
            "Why was the server moved to Leeds?",
            "the cellar floods",
        ),
        ("The archive holds 12 volumes of old maps.", "How many volumes does the archive hold of old maps?", "12"),
        (
            "Horace Jones designed the bridge over the Thames.",
            "Who or what designed the bridge over the Thames?",
            "Horace Jones",
        ),
    ],
)
def test_a_sentence_becomes_the_question_that_it_answers(sentence: str, question: str, expected: str) -> None:
    made = made_of(sentence)
    assert made[question].expected == (expected,)
    assert made[question].chunk_ids == (1,)


@pytest.mark.parametrize(
    "sentence",
    [
        "They are kept for thirty days in the cellar.",
        "This was opened on 3 May 1994 by Horace Jones.",
        "def keep(days): return days is not None and days.",
        "Are backups kept for thirty days or more?",
        "Backups kept.",
    ],
)
def test_a_sentence_that_does_not_stand_alone_gives_no_question(sentence: str) -> None:
    assert made_of(sentence) == {}


def test_an_answer_is_never_in_its_own_question_and_always_in_its_passage() -> None:
    for made in made_of(BACKUPS).values():
        (expected,) = made.expected
        assert expected in BACKUPS
        assert expected not in made.text


def test_headings_ask_for_every_passage_below_them() -> None:
    below = [chunk("One.", 1, heading_path=("Operations", "Nightly backups"), uri="file:d.md")]
    below.append(chunk("Two.", 2, heading_path=("Operations", "Nightly backups"), uri="file:d.md"))
    (made,) = make_questions(below, 9)
    assert made.text == "What is there to know about Nightly backups in Operations?"
    assert made.chunk_ids == (1, 2)


def test_another_language_than_english_falls_back_to_headings() -> None:
    german = chunk(
        "Hamburg is a sailor in the harbour of 1994.", language="de", heading_path=("Sicherung",), title="Betrieb"
    )
    assert [made.text for made in make_questions([german], 9)] == ["Betrieb: Sicherung?"]


def test_the_same_seed_gives_the_same_questions_in_whatever_order_the_documents_come() -> None:
    chunks = [chunk(f"Backups of machine {n} are kept for {n + 11} days.", n) for n in range(1, 30)]
    first = make_questions(chunks, 10, seed=3)
    assert first == make_questions(list(reversed(chunks)), 10, seed=3)
    assert first != make_questions(chunks, 10, seed=4)


def test_questions_are_spread_over_the_documents() -> None:
    long = " ".join(f"Machine {name} was bought on 3 May 19{n + 10}." for n, name in enumerate("ABCDEFGHIJ"))
    chunks = [chunk(long, n) for n in range(1, 4)] + [chunk("Backups are kept for thirty days.", 9)]
    made = make_questions(chunks, 4)
    assert Counter(each.uri for each in made).most_common(1)[0][1] <= 2


def test_a_twisted_question_asks_for_what_its_passage_does_not_say() -> None:
    chunks = [
        chunk("The archive was moved to Leeds on 3 May 1994.", 1),
        chunk("The old library was rebuilt after 12 fires in York on 7 July 1931. Nothing is left.", 2),
        chunk("We saw that Paris and later Rome were far away.", 3),
    ]
    made = make_questions(chunks, 9)
    assert made
    for original, other in zip(made, twisted(made, chunks), strict=True):
        assert other.text != original.text
        assert (other.answerable, other.expected) == (False, ())


STORY = BACKUPS * 2


async def test_a_model_writes_questions_whose_answers_are_in_the_passage() -> None:
    right = [TextDelta('{"question": "How long are copies held?", "answer": "thirty days"}')]
    wrong = [TextDelta('{"question": "How long are copies held now?", "answer": "forty days"}')]
    state = TurnState(LOCAL, "")
    model = Scripted(right, wrong, [TextDelta("I cannot.")])
    made = await written_questions(Advisor(model), state, [chunk(STORY, n) for n in range(1, 9)], 3)
    assert [(each.text, each.expected) for each in made] == [("How long are copies held?", ("thirty days",))]
    assert [request.purpose for request in model.requests] == ["question"] * 3
    assert len(state.consultations) == 3


async def test_passages_to_ask_about_come_from_documents_all_over_the_knowledge_base(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    for n in range(10):
        await shop.add(indexes, f"{n}.md", *(f"Text {n}.{part}" for part in range(3)))
    found = await shop.knowledge.some_chunks(LOCAL, shop.base_id, documents=5, each=2)
    await indexes.close()
    assert [one.text for one in found] == [f"Text {n}.{part}" for n in (0, 2, 4, 6, 8) for part in range(2)]
