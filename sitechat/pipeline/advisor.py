"""A language model that a step asks for a judgement. Its help is welcome and never needed: a step works without it.

So nothing is waited for: what cannot become the JSON that was asked for is given up at its first character, a call that
is to be tried again is given up at once, and a model that failed twice running at one purpose is left alone with that
for a while.
"""

import logging
import re
from asyncio import timeout
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from time import monotonic
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from providers.base import Message, Provider, Purpose, Request, TextDelta, UsageDelta, WaitDelta
from providers.errors import ProviderError
from sitechat.events import Usage
from sitechat.pipeline.state import Consultation, TurnState

T = TypeVar("T", bound=BaseModel)

SECONDS = 10.0
MAX_OUTPUT_TOKENS = 800
_FAILURES = 2
_REST = 300.0
"""Seconds."""
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_log = logging.getLogger(__name__)


class Advisor:
    """``clock`` counts seconds."""

    def __init__(self, provider: Provider, clock: Callable[[], float] = monotonic) -> None:
        self._provider = provider
        self._clock = clock
        self._failures: Counter[Purpose] = Counter()
        self._rests_until: dict[Purpose, float] = {}

    @property
    def model(self) -> str:
        """The vendor's key and the model's name, such as ``openai/<model>``."""
        return f"{self._provider.name}/{self._provider.model}"

    async def ask(
        self,
        state: TurnState,
        purpose: Purpose,
        messages: Sequence[Message],
        form: type[T],
        *,
        seconds: float = SECONDS,
        max_output_tokens: int = MAX_OUTPUT_TOKENS,
    ) -> T | None:
        """The judgement, as the JSON object that ``form`` describes; None where no such answer came in time.

        The call is added to ``state.consultations`` and its tokens to ``state.usage``.
        """
        begun = self._clock()
        if begun < self._rests_until.get(purpose, begun):
            return None
        request = Request(
            tuple(messages),
            question=state.question,
            max_output_tokens=min(max_output_tokens, self._provider.capabilities.max_output_tokens),
            temperature=0.0,
            purpose=purpose,
        )
        reply: str | None = None
        judged: T | None = None
        try:
            async with timeout(seconds):
                reply = await self._reply(state, request)
            judged = form.model_validate_json(_object_in(reply))
        except TimeoutError:
            _log.warning("the model took longer than %.0f s to judge (%s)", seconds, purpose)
        except (ProviderError, ValidationError, ValueError) as error:
            _log.info("no judgement of use came (%s): %s", purpose, str(error)[:300])
        self._remember(purpose, helped=judged is not None)
        spent = round((self._clock() - begun) * 1000, 1)
        state.consultations.append(Consultation(purpose, request.messages, reply, spent))
        return judged

    async def _reply(self, state: TurnState, request: Request) -> str:
        """Raises ``ValueError`` where what comes cannot become an object."""
        said = ""
        async with aclosing(self._provider.stream(request)) as deltas:
            async for delta in deltas:
                match delta:
                    case TextDelta(text):
                        said += text
                        if said.lstrip()[:1] not in ("", "{", "`"):
                            raise ValueError(f"no JSON object: {said[:80]}")
                    case UsageDelta(given, made):
                        state.spend(Usage(input_tokens=given, output_tokens=made))
                    case WaitDelta("retrying", message, _):
                        raise ValueError(message)
                    case _:
                        pass
        return said

    def _remember(self, purpose: Purpose, *, helped: bool) -> None:
        self._failures[purpose] = 0 if helped else self._failures[purpose] + 1
        if self._failures[purpose] >= _FAILURES:
            self._failures[purpose] = 0
            self._rests_until[purpose] = self._clock() + _REST


def _object_in(reply: str) -> str:
    match = _OBJECT.search(reply)
    if match is None:
        raise ValueError(f"no JSON object: {reply[:80]}")
    return match[0]
