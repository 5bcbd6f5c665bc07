"""A model that is asked for a judgement: JSON that fits, or nothing, soon."""

import pytest
from pydantic import BaseModel

from providers.base import Message, TextDelta, UsageDelta, WaitDelta
from providers.errors import ProviderUnavailable
from providers.scripted import Fail, Hang, Scripted, Step
from sitechat.identity import LOCAL
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.state import TurnState


class Verdict(BaseModel):
    enough: bool


ASKED = (Message("user", "Is it enough?"),)


async def ask(*script: Step | str, seconds: float = 5) -> tuple[Verdict | None, TurnState, Scripted]:
    steps = [TextDelta(step) if isinstance(step, str) else step for step in script]
    model, state = Scripted(steps), TurnState(LOCAL, "Enough?")
    return await Advisor(model).ask(state, "grade", ASKED, Verdict, seconds=seconds), state, model


@pytest.mark.parametrize(
    "reply", ['{"enough": true}', '```json\n{"enough": true}\n```', '  {"enough":', '{"enough": true} as I said']
)
async def test_json_that_fits_is_the_judgement(reply: str) -> None:
    rest = ["true}"] if reply.endswith(":") else []
    judged, state, model = await ask(reply, *rest, UsageDelta(7, 3))
    assert judged == Verdict(enough=True)
    assert (state.usage.input_tokens, state.usage.output_tokens) == (7, 3)
    assert state.consultations[0].purpose == model.requests[0].purpose == "grade"


@pytest.mark.parametrize(
    "script",
    [
        ['{"enough": "perhaps"}'],
        ['{"enough": '],
        [Fail(ProviderUnavailable("Down."))],
        [WaitDelta("retrying", "Busy.", 9), Hang()],
        [Hang()],
        [],
    ],
)
async def test_anything_else_is_no_judgement(script: list[Step | str]) -> None:
    judged, state, _ = await ask(*script, seconds=0.2)
    assert judged is None
    assert len(state.consultations) == 1


async def test_what_cannot_become_json_is_given_up_at_its_first_character() -> None:
    judged, _, model = await ask("Certainly", Hang())
    assert judged is None
    assert model.calls[0].closed_early


async def test_a_model_that_fails_twice_running_is_left_alone_for_a_while() -> None:
    clock = [0.0]
    model, state = Scripted([TextDelta("no")]), TurnState(LOCAL, "Enough?")
    advisor = Advisor(model, lambda: clock[0])
    for _ in range(3):
        assert await advisor.ask(state, "grade", ASKED, Verdict) is None
    assert len(model.calls) == 2
    await advisor.ask(state, "route", ASKED, Verdict)
    assert len(model.calls) == 3, "what it fails at says nothing of other purposes"
    clock[0] = 301.0
    await advisor.ask(state, "grade", ASKED, Verdict)
    assert len(model.calls) == 4


async def test_a_long_judgement_may_take_more_words() -> None:
    model = Scripted([TextDelta('{"enough": true}')])
    await Advisor(model).ask(TurnState(LOCAL, "Enough?"), "verify", ASKED, Verdict, max_output_tokens=2_000)
    assert model.requests[0].max_output_tokens == 2_000
