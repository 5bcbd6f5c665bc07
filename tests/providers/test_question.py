"""What a question asks for."""

import pytest

from providers.base import Passage
from providers.evidence import Candidate
from providers.objections import TURNED, objection
from providers.question import analyse, holds_kind


@pytest.mark.parametrize(
    ("question", "kind", "holds", "lacks"),
    [
        ("When did it open?", "date", "It opened in 1894.", "It opened to cheers."),
        ("In what year did it open in May 1894?", "date", "It opened in 1895.", "It opened in May 1894."),
        ("How many steps are there?", "number", "There are twelve steps.", "There are some steps."),
        ("What percentage of 40 people agreed?", "number", "About 55 agreed.", "Of 40 people many agreed."),
        (
            "Who designed Tower Bridge?",
            "name",
            "It was designed by Horace Jones.",
            "The Tower Bridge was designed well.",
        ),
        ("Why was it closed?", "cause", "It was closed because of ice.", "It was closed."),
    ],
)
def test_kinds_of_answers(question: str, kind: str, holds: str, lacks: str) -> None:
    """A sentence counts when it holds something of the kind that the question does not itself contain."""
    asked = analyse(question)
    assert asked.kind == kind
    assert holds_kind(asked, holds) == 1
    assert holds_kind(asked, lacks) == 0


def test_any_sentence_may_answer_an_open_question() -> None:
    """Half a point, so that open questions are measured on the same scale."""
    assert holds_kind(analyse("What does the bridge do?"), "It spans the river.") == 0.5


def test_hollow_words_do_not_count_unless_there_are_no_others() -> None:
    """*What is the name of* tells nothing; *what is it called* has nothing else."""
    assert analyse("What is the name of the bridge?").telling == {"bridg"}
    assert analyse("What is it called?").telling


@pytest.mark.parametrize(
    ("question", "sentence", "turned"),
    [
        ("What is the largest lake?", "The smallest lake is small.", True),
        ("What is the largest lake?", "The largest lake and the smallest one are near.", False),
        ("Which metals do not rust?", "Iron rusts.", True),
        ("Which metals do not rust?", "Gold never rusts.", False),
        ("What would not be unfair?", "A draw would be unfair to both.", True),
        ("Which graphs are unconnected?", "The connected graphs are shown in red.", True),
        ("How is it told whether or not a file is old?", "By its date a file is told to be old.", False),
        ("Which files are unchanged?", "A file that has not changed is listed.", False),
        ("Which graphs are not equal?", "The unequal graphs are shown in red.", False),
    ],
)
def test_what_turns_a_sentence_round_is_noticed(question: str, sentence: str, turned: bool) -> None:
    """Opposites and negations that make a likely sentence the wrong one."""
    passage = Passage(1, "Title", "", sentence, 1.0)
    found = objection(question, Candidate(sentence, sentence, 1, (0, 0), 2.0, 1.0, passage))
    assert (found == TURNED) is turned


@pytest.mark.parametrize(
    ("question", "passage", "objects"),
    [
        ("What happened in 1066?", "The battle was in 1067.", True),
        ("What happened in 1066?", "In 1066 a battle was fought.", False),
        ("What are type 1 files?", "Files of type I are small.", False),
        ("What was built in the 1960s?", "In 1964 the bridge was built.", False),
        ("What did Horace Jones design?", "It was designed by another Jones.", True),
        ("What did Horace Jones design?", "It was designed by Jones, Horace.", False),
    ],
)
def test_a_number_or_name_that_the_passage_does_not_have_speaks_against_it(
    question: str, passage: str, objects: bool
) -> None:
    candidate = Candidate(passage, passage, 1, (0, 0), 2.0, 1.0, Passage(1, "Title", "", passage, 1.0))
    assert (0 < objection(question, candidate) < TURNED) is objects
