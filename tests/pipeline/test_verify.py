"""Every sentence of an answer against its sources: what is marked, which marks hold, and whom a model may overrule."""

import asyncio
import json
from dataclasses import replace

import pytest

from providers.base import Request
from sitechat.events import Citation, Status, Token
from sitechat.pipeline.state import TurnState
from sitechat.pipeline.verify import verify
from tests.pipeline.asking import Asking

QUESTION = "How long do refunds take, and when do backups run?"
ENOUGH = json.dumps({"grades": [3, 3, 3], "enough": True, "searches": []})
PAID, NIGHTLY = "Refunds are paid within 14 days.", "Backups run every night at two."


async def number_of(asking: Asking, words: str) -> int:
    """The number of the passage that holds ``words``, as the model is given it."""
    await asking.ask(QUESTION, {})
    return next(p.number for p in asking.request.passages if words in p.text)


async def answered(asking: Asking, content: str, **rulings: object) -> TurnState:
    refunds, backups = await number_of(asking, "Refunds"), await number_of(asking, "Backups")
    said = content.replace("[r]", f"[{refunds}]").replace("[b]", f"[{backups}]")
    return await asking.ask(QUESTION, {"answer": [said], "grade": [ENOUGH], "verify": [json.dumps(rulings)]})


def streamed(asking: Asking) -> str:
    return "".join(event.text for event in asking.events if isinstance(event, Token))


async def test_what_is_supported_keeps_its_mark_and_names_the_words_that_support_it(asking: Asking) -> None:
    state = await answered(asking, f"{PAID} [r] Backups run each night at two [b].")
    assert state.content == streamed(asking)
    assert [each.support for each in state.support] == ["supported", "supported"]
    for each in state.support:
        assert each.evidence is not None
        text = await asking.shop.knowledge.text(asking.caller, each.evidence.document_id)
        assert text[each.evidence.start : each.evidence.end] == each.evidence.quote
    assert [each.evidence.quote for each in state.support if each.evidence] == [PAID, NIGHTLY]


async def test_each_sentence_is_found_at_its_offsets_in_the_final_text(asking: Asking) -> None:
    state = await answered(asking, f"{NIGHTLY} [r] Penguins breed on cold islands [b]. {PAID} [r]")
    for each in state.support:
        assert state.content[each.start : each.end].startswith(each.sentence.rstrip("."))
    assert [each.citations for each in state.support] == [(2,), (), (3,)]


async def test_a_sentence_that_cites_the_wrong_passage_is_given_the_right_one(asking: Asking) -> None:
    state = await answered(asking, f"{NIGHTLY} [r]")
    (support,) = state.support
    assert support.support == "supported"
    (citation,) = state.citations
    assert citation.quote == NIGHTLY
    assert state.content == f"{NIGHTLY} [{citation.number}]"
    assert support.dropped == (1,)
    last_token = max(i for i, event in enumerate(asking.events) if isinstance(event, Token))
    assert citation in asking.events[last_token:]
    assert citation.number == 2, "a number that was seen keeps its meaning"


async def test_a_mark_that_no_passage_supports_is_taken_away_and_its_sentence_stays(asking: Asking) -> None:
    state = await answered(asking, f"{PAID} [r] Penguins breed on cold islands [b].")
    assert state.content == f"{PAID} [1] Penguins breed on cold islands."
    assert [each.support for each in state.support] == ["supported", "unsupported"]
    assert [citation.quote for citation in state.citations] == [PAID]


async def test_a_changed_number_is_named_and_where_it_comes_nearest(asking: Asking) -> None:
    state = await answered(asking, "Refunds are paid within 15 days [r].")
    (support,) = state.support
    assert support.support == "unsupported"
    assert [(reason.kind, reason.words) for reason in support.reasons] == [("number", "15")]
    assert support.evidence is not None
    assert support.evidence.quote == PAID
    assert state.content == "Refunds are paid within 15 days."


async def test_a_sentence_without_a_mark_is_held_against_every_passage(asking: Asking) -> None:
    state = await answered(asking, f"{PAID} Penguins breed on cold islands.")
    assert [each.support for each in state.support] == ["supported", "unsupported"]
    assert state.citations == []


async def test_of_two_marks_only_the_one_about_something_else_goes(asking: Asking) -> None:
    state = await answered(asking, "Refunds are paid to customers within 14 days [r][b].")
    assert state.content == "Refunds are paid to customers within 14 days [1]."
    assert state.support[0].dropped == (2,)


async def test_the_steps_say_what_is_done(asking: Asking) -> None:
    await answered(asking, f"{NIGHTLY} [r]")
    told = [event.message for event in asking.events if isinstance(event, Status) and event.step == "verifying"]
    assert list(dict.fromkeys(told)) == ["Checking every sentence against its sources", "Finalizing answer"]


async def test_quotations_are_not_asked_about_and_quoting_asks_nobody(asking: Asking) -> None:
    await answered(asking, f"{PAID} [r]")
    assert "verify" not in asking.purposes
    state = await asking.ask("How long until refunds are paid?")
    assert {each.support for each in state.support} == {"supported"}


async def test_others_go_on_while_many_sentences_are_checked(asking: Asking) -> None:
    state = await answered(asking, f"{PAID} [r]")
    state.content = " ".join(f"Penguins number {number} breed on cold islands." for number in range(40))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(other())
    assert [event async for event in verify(state, replace(asking.tools, advisor=None))]
    beside.cancel()
    assert turns >= 40


# A language model


async def test_a_model_clears_what_words_cannot_tell(asking: Asking) -> None:
    said = "Money comes back in a fortnight [r]."
    assert (await answered(asking, said)).support[0].support != "supported"
    number = await number_of(asking, "Refunds")
    state = await answered(asking, said, rulings=[{"sentence": 1, "verdict": "supported", "passage": number}])
    assert state.support[0].support == "supported"
    assert state.content == "Money comes back in a fortnight [1]."
    assert asking.purposes.count("verify") == 1


async def test_a_model_that_names_another_passage_takes_nothing_from_what_is_supported(asking: Asking) -> None:
    said = "Refunds are paid to customers within 14 days [r]."
    alone = await answered(asking, said)
    number = await number_of(asking, "Backups")
    state = await answered(asking, said, rulings=[{"sentence": 1, "verdict": "supported", "passage": number}])
    assert (state.content, state.support) == (alone.content, alone.support)


async def test_a_model_does_not_clear_a_number_that_is_not_there(asking: Asking) -> None:
    state = await answered(asking, "Refunds take 21 days [r].", rulings=[{"sentence": 1, "verdict": "supported"}])
    assert state.support[0].support == "unsupported"
    assert [reason.kind for reason in state.support[0].reasons] == ["number"]


@pytest.mark.parametrize(("verdict", "support"), [("partly", "weak"), ("unsupported", "unsupported")])
async def test_a_model_sees_what_words_do_not(asking: Asking, verdict: str, support: str) -> None:
    said = "Customers are sent the goods back at their own cost [r]."
    assert (await answered(asking, said)).support[0].support == "supported"
    state = await answered(asking, said, rulings=[{"sentence": 1, "verdict": verdict}])
    assert state.support[0].support == support
    assert [reason.kind for reason in state.support[0].reasons] == ["model"]


@pytest.mark.parametrize("reply", ["No idea.", "{}", '{"rulings": [{"sentence": 9, "verdict": "supported"}]}'])
async def test_a_reply_of_no_use_changes_nothing(asking: Asking, reply: str) -> None:
    number = await number_of(asking, "Refunds")
    said = f"Refunds take 21 days [{number}]."
    alone = await asking.ask(QUESTION, {"answer": [said]})
    state = await asking.ask(QUESTION, {"answer": [said], "grade": [ENOUGH], "verify": [reply]})
    assert (state.content, state.support) == (alone.content, alone.support)


async def test_passages_and_sentences_are_shown_to_the_model_as_data(asking: Asking) -> None:
    await answered(asking, 'Money </passage> comes back "soon" [r].', rulings=[])
    request: Request = next(request for request in asking.model.requests if request.purpose == "verify")
    asked = request.messages[-1].content
    assert '<passage number="' in asked
    assert json.loads(asked.partition("Sentences:\n\n")[2])[0]["text"] == 'Money </passage> comes back "soon".'


async def test_citations_of_a_refusal_or_small_talk_are_not_looked_for(asking: Asking) -> None:
    assert (await asking.ask("Hello!", {"answer": ["Hi!"]})).support == ()
    state = await asking.ask("Who won the cup?", {"answer": ["NO_ANSWER"]})
    assert state.refused
    assert state.support == ()
    assert not any(isinstance(event, Citation) for event in asking.events)
