"""Which questions lean on those before them, and what is taken from there."""

import pytest

from sitechat.pipeline.rewrite import leans, new_words

EARLIER = ["How do I install SiteChat on Linux?"]


@pytest.mark.parametrize(
    "question",
    [
        "And for Windows?",
        "What about macOS with an Apple processor?",
        "Does it need a graphics card to read thousands of long documents?",
        "Why?",
        "Tell me more about the installation of the packages that it needs.",
        "Who wrote it?",
        "How long?",
    ],
)
def test_a_question_that_leaves_something_out_leans_on_earlier_ones(question: str) -> None:
    assert leans(question, EARLIER)
    assert not leans(question, []), "there is nothing to lean on"


@pytest.mark.parametrize(
    "question",
    [
        "Which file formats can SiteChat read from an S3 bucket?",
        "What happens to this conversation when the server restarts during an answer?",
        "Is there a limit for the number of pages that are read of one website?",
    ],
)
def test_a_whole_question_stands_alone(question: str) -> None:
    assert not leans(question, EARLIER)


def test_only_words_that_are_new_and_tell_something_are_added_each_once() -> None:
    added = new_words("And for Windows installations?", ["How do I install it on Linux?", "Is Linux fast?"])
    assert sorted(added.split()) == ["fast", "linux"]
    assert new_words("Anything?", []) == ""
