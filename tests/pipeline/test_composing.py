"""Texts from the documents: written with citations by a model, quoted honestly without one."""

from pathlib import Path

import pytest

from sitechat.errors import SettingsError
from sitechat.events import Status
from sitechat.pipeline.answer import REFUSAL
from sitechat.pipeline.prompts import NO_ANSWER
from sitechat.pipeline.templates import Template, load, templates
from tests.pipeline.asking import Asking


@pytest.mark.parametrize("template", templates().values(), ids=lambda template: template.name)
async def test_the_prompt_follows_the_template_and_ends_with_the_rule_of_citations(
    asking: Asking, template: Template
) -> None:
    noun = template.nouns[0]
    state = await asking.ask(f"Write a {noun} about refunds", {"answer": ["Refunds take 14 days [1]."]})
    assert (state.intent, state.template) == ("compose", template)
    system, last = asking.request.messages
    assert template.instruction in system.content
    assert all(part in system.content for part in template.structure)
    assert f"About {template.words} words" in system.content
    assert last.content.endswith("Never invent a number.\n</rules>")
    assert "Refunds take 14 days [1]." in state.content
    assert state.citations[0].number == 1
    assert asking.request.quotes == template.quotes


async def test_a_text_is_about_its_topic(asking: Asking) -> None:
    state = await asking.ask("Write a LinkedIn post about our refunds", {})
    assert "(About: our refunds)" in asking.request.messages[-1].content
    assert state.hits[0].chunk.title == "refunds.md"


async def test_a_text_may_not_be_as_long_as_an_answer(asking: Asking) -> None:
    await asking.ask("Write a checklist about refunds", {})
    assert asking.request.max_output_tokens < asking.tools.max_output_tokens


async def test_a_text_about_what_the_documents_do_not_hold_is_refused(asking: Asking) -> None:
    state = await asking.ask("Write a LinkedIn post about zebras", {"answer": [NO_ANSWER]})
    assert (state.refused, state.content, state.citations) == (True, REFUSAL, [])


async def test_without_a_model_it_quotes_and_says_so(asking: Asking) -> None:
    state = await asking.ask("Summarise refunds")
    opening, *lines = state.content.split("\n\n", 1)
    assert opening == templates()["summary"].quotes.opening
    quotes = lines[0].splitlines()
    assert len(quotes) >= 2
    assert all(line.startswith("- ") and line.endswith(f"[{number}]") for number, line in enumerate(quotes, 1))
    for citation, line in zip(state.citations, quotes, strict=True):
        text = await asking.shop.knowledge.text(asking.caller, citation.document_id)
        assert text[citation.start : citation.end] == citation.quote
        assert citation.quote in line
    assert not state.refused


async def test_a_checklist_of_quotes_has_boxes_to_tick(asking: Asking) -> None:
    state = await asking.ask("Give me a checklist for refunds")
    assert "\n- [ ] Refunds are paid within 14 days. [" in state.content
    assert "Refunds are paid within 14 days." in [citation.quote for citation in state.citations]


async def test_without_a_model_a_text_about_what_is_not_there_is_refused(asking: Asking) -> None:
    state = await asking.ask("Write an e-mail about the migration of zebras in Botswana")
    assert (state.refused, state.content) == (True, REFUSAL)


async def test_the_steps_are_those_of_an_answer(asking: Asking) -> None:
    await asking.ask("Summarise refunds")
    steps = [event.step for event in asking.events if isinstance(event, Status)]
    assert (steps[0], steps[-1]) == ("routing", "verifying")


def test_every_name_of_a_text_belongs_to_one_template() -> None:
    names = [noun for template in templates().values() for noun in template.nouns]
    assert len(names) == len(set(names))
    assert all(template.passages <= 50 for template in templates().values())


@pytest.mark.parametrize(
    ("content", "complaint"), [("nouns = [", "haiku.toml"), ('nouns = ["haiku"]', "instruction"), ("size = 3", "size")]
)
def test_a_template_that_cannot_be_used_says_what_is_wrong(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "haiku.toml").write_text(content)
    with pytest.raises(SettingsError, match=complaint):
        load(tmp_path)
