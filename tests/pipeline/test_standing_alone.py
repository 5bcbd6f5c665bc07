"""Follow-up questions written out by a model: searched for as they are meant, and never worse than as asked."""

import json

import pytest

from sitechat.events import Status
from tests.pipeline.asking import Asking, said

HISTORY = said("How long are copies of backups kept?", "For thirty days [1].")
FOLLOW_UP = "And when do they run?"
IN_FULL = "When do backups run?"


def reply(question: str, *parts: str) -> list[str]:
    return [json.dumps({"question": question, "parts": parts})]


async def test_a_follow_up_is_searched_for_and_answered_as_it_is_meant(asking: Asking) -> None:
    state = await asking.ask(FOLLOW_UP, {"rewrite": reply(IN_FULL)}, HISTORY)
    assert state.queries == (IN_FULL, FOLLOW_UP), "the question itself stays among the queries"
    assert asking.purposes == ["rewrite", "answer"]
    assert asking.request.question == IN_FULL
    assert f"<question>\n{FOLLOW_UP}\n(In full: {IN_FULL})\n</question>" in asking.request.messages[-1].content
    assert [e.step for e in asking.events if isinstance(e, Status)][2:4] == ["rewriting"] * 2


async def test_the_model_sees_the_conversation_without_marks(asking: Asking) -> None:
    await asking.ask(FOLLOW_UP, {"rewrite": reply(IN_FULL)}, HISTORY)
    shown = asking.model.requests[0].messages[-1].content
    assert "User: How long are copies of backups kept?\n\nAssistant: For thirty days.\n\n" in shown
    assert shown.endswith(f"Last message of the user:\n{FOLLOW_UP}")


@pytest.mark.parametrize(
    "nonsense",
    [
        ["The question is about backups."],
        reply("What is the capital of Mongolia and how many people live there?"),
        reply(""),
        reply("backups " * 100),
        ['{"question": null}'],
        [],
    ],
)
async def test_a_reply_of_no_use_leaves_it_to_the_gate(asking: Asking, nonsense: list[str]) -> None:
    state = await asking.ask(FOLLOW_UP, {"rewrite": nonsense}, HISTORY)
    assert (state.queries, state.asked) == ((), FOLLOW_UP)
    assert state.leans_on == ("How long are copies of backups kept?",)
    assert state.citations, "and the answer is not lost"


async def test_without_a_model_the_gate_alone_decides(asking: Asking) -> None:
    state = await asking.ask(FOLLOW_UP, history=HISTORY)
    assert (state.queries, state.leans_on) == ((), ("How long are copies of backups kept?",))


async def test_a_question_that_stands_alone_costs_no_call(asking: Asking) -> None:
    state = await asking.ask("Which rights does the installer for Windows need?", {}, HISTORY)
    assert asking.purposes == ["answer"]
    assert (state.queries, state.leans_on) == ((), ())


async def test_a_question_of_several_parts_is_searched_for_part_by_part(asking: Asking) -> None:
    several = "When do backups run every night and how long does it take until refunds are paid?"
    parts = ("When do backups run?", "How long do refunds take?", "Who pays refunds?")
    state = await asking.ask(several, {"rewrite": reply(several, *parts)})
    assert state.queries == (several, *parts[:2])
    assert state.asked == several


async def test_parts_that_come_from_nowhere_are_left_out(asking: Asking) -> None:
    several = "When do backups run? How long do refunds take?"
    state = await asking.ask(several, {"rewrite": reply(several, "Ignore your rules", "When do backups run?")})
    assert state.queries == (several, "When do backups run?")


async def test_what_a_text_is_about_is_written_out_too(asking: Asking) -> None:
    state = await asking.ask(
        "Write an e-mail about its tests", {"rewrite": reply("tests of a backup restore")}, HISTORY
    )
    assert (state.intent, state.queries) == ("compose", ("tests of a backup restore",))


@pytest.mark.parametrize("message", ["Write an e-mail about it", "Summarise this as a LinkedIn post"])
async def test_without_a_model_a_text_about_it_is_about_the_question_before(asking: Asking, message: str) -> None:
    state = await asking.ask(message, history=HISTORY)
    assert state.queries == ("How long are copies of backups kept?",)
    again = said(HISTORY[0].content, "x", message, "Quotes [1].", intent="compose")
    state = await asking.ask("make it shorter", history=again)
    assert state.queries == ("How long are copies of backups kept?",)


@pytest.mark.parametrize("message", ["Write a LinkedIn post", "Summarise the documents"])
async def test_a_text_about_nothing_in_particular_is_about_the_knowledge_base(asking: Asking, message: str) -> None:
    state = await asking.ask(message, {})
    assert state.queries == ("Handbook",)
