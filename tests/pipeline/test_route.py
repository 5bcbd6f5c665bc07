"""What a message wants: by rules, by likeness to examples, and by a model only where those are unsure."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.pipeline.compositions import composition
from sitechat.pipeline.route import is_small_talk, is_unsure, route, wanted_text
from sitechat.pipeline.state import Tools, TurnState
from sitechat.pipeline.templates import templates
from tests.pipeline.asking import Asking, said
from vectorstore.embeddings.local import PACKAGED, LocalEmbedder

MESSAGES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("messages.toml").read_text(encoding="utf-8"))
COMPOSE = [(name, message) for name, messages in MESSAGES["compose"].items() for message in messages]


@pytest.mark.parametrize("message", MESSAGES["chitchat"])
def test_small_talk_is_told_by_its_words(message: str) -> None:
    assert is_small_talk(message)


@pytest.mark.parametrize(("name", "message"), COMPOSE)
def test_a_text_that_is_asked_for_is_told_with_its_kind(name: str, message: str) -> None:
    wanted = wanted_text(message, ())
    assert wanted is not None
    assert wanted.template.name == name


@pytest.mark.parametrize("message", MESSAGES["qa"] + MESSAGES["statements"])
def test_a_question_about_writing_or_about_anything_else_is_no_wish_for_a_text(message: str) -> None:
    assert wanted_text(message, ()) is None
    assert not is_small_talk(message)


def test_few_questions_are_unsure_since_each_may_cost_a_call() -> None:
    unsure = [message for message in MESSAGES["qa"] if is_unsure(message)]
    assert len(unsure) <= len(MESSAGES["qa"]) / 8
    assert all(is_unsure(message) for message in MESSAGES["remarks"])


@pytest.mark.parametrize(
    ("message", "topic"),
    [
        ("Write a LinkedIn post about our refund policy", "our refund policy"),
        ("Draft an e-mail to the customer about the delayed order, please", "the delayed order"),
        ("Can you summarize how indexing works in three sentences?", "how indexing works"),
        ("write a refund policy summary", "refund policy"),
        ("Write an email to my team explaining how to reset a password in a friendly tone", "how to reset a password"),
        ("Give me a checklist for installing SiteChat on Linux", "installing SiteChat on Linux"),
        ("Turn the refund policy into a LinkedIn post", "the refund policy"),
        ("Checklist: going live", "going live"),
        ("Write an e-mail about it", ""),
        ("Summarise this as a LinkedIn post", ""),
        ("Write a LinkedIn post", ""),
    ],
)
def test_the_topic_is_what_is_searched_for_and_not_the_wish(message: str, topic: str) -> None:
    wanted = composition(message)
    assert wanted is not None
    assert wanted.topic == topic


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Make it shorter", "linkedin_post"),
        ("please translate it to German", "linkedin_post"),
        ("now as an e-mail", "email"),
        ("in a more formal tone", "linkedin_post"),
    ],
)
def test_a_text_can_be_had_in_another_way(message: str, kind: str) -> None:
    post = said("Write a LinkedIn post about refunds", "Refunds [1]!", intent="compose")
    wanted = wanted_text(message, post)
    assert wanted is not None
    assert (wanted.template.name, wanted.topic) == (kind, "refunds")
    assert wanted_text(message, said("How are refunds paid?", "Soon.")) is None, "there is no text to change"


async def test_after_a_text_a_question_is_a_question_again() -> None:
    post = said("Write a LinkedIn post about refunds", "Refunds [1]!", intent="compose")
    assert wanted_text("How long do refunds take?", post) is None


async def routed(message: str, similarity: Any) -> str:
    indexes = cast("Indexes", SimpleNamespace(state=SimpleNamespace(name="ready"), similarity=similarity))
    state = TurnState(LOCAL, message)
    async for _ in route(state, Tools(indexes, cast("Any", None), cast("Any", None), 8, 100)):
        pass
    return state.intent


async def test_likeness_to_examples_tells_remarks_and_loses_no_question() -> None:
    embedder = LocalEmbedder(PACKAGED)

    async def similarity(question: str, texts: Sequence[str]) -> list[float]:
        vectors = await embedder.embed([question, *texts], "query")
        return [float(value) for value in vectors[1:] @ vectors[0]]

    caught = [await routed(message, similarity) for message in MESSAGES["remarks"]]
    lost = [message for message in MESSAGES["statements"] if await routed(message, similarity) == "chitchat"]
    await embedder.close()
    assert lost == []
    assert caught.count("chitchat") >= 0.7 * len(caught)


JUDGED = {"intent": "chitchat", "question": "I am tired today", "parts": []}


async def test_a_model_is_asked_once_where_rules_are_unsure(asking: Asking) -> None:
    state = await asking.ask("I am tired today", {"route": [json.dumps(JUDGED)], "answer": ["Rest well."]})
    assert (state.intent, state.content) == ("chitchat", "Rest well.")
    assert asking.purposes == ["route", "answer"]


@pytest.mark.parametrize("message", ["How long are copies kept?", "Hello!", "Write a LinkedIn post about refunds"])
async def test_no_model_is_asked_what_rules_can_tell(asking: Asking, message: str) -> None:
    await asking.ask(message, {})
    assert asking.purposes == ["answer"]


async def test_the_same_call_writes_a_follow_up_out(asking: Asking) -> None:
    judged = {"intent": "compose", "template": "email", "question": "refunds of sale items", "parts": []}
    history = said("Are sale items refunded?", "No [1].")
    state = await asking.ask("that as email to Anna", {"route": [json.dumps(judged)]}, history)
    assert (state.intent, state.asked) == ("compose", "refunds of sale items")
    assert state.template is templates()["email"]
    assert asking.purposes == ["route", "answer"]


@pytest.mark.parametrize(
    "reply", ["I think it is a question.", '{"intent": "poem", "question": "x"}', '{"intent": "qa"}', ""]
)
async def test_what_makes_no_sense_leaves_it_a_question(asking: Asking, reply: str) -> None:
    state = await asking.ask("that receipt thing with refunds", {"route": [reply]})
    assert state.intent == "qa"
    assert state.queries == ()
    assert state.citations


async def test_an_unknown_template_is_a_text_like_any_other(asking: Asking) -> None:
    judged = {"intent": "compose", "template": "sonnet", "question": "refunds"}
    state = await asking.ask("that poem about refunds", {"route": [json.dumps(judged)]})
    assert state.template is templates()["text"]
