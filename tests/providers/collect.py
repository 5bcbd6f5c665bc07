"""What the provider tests share: requests to make, and reading a stream to its end."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from providers.base import Delta, FinishDelta, Message, Passage, Provider, Request, TextDelta, UsageDelta, WaitDelta

KEY = "sk-proj-abcdefghijklmnopqrstuvwx4Kd"
REQUEST = Request(
    (Message("system", "Answer briefly."), Message("user", "When was the bridge opened?")),
    question="When was the bridge opened?",
    passages=(
        Passage(1, "Bridges", "The old bridge", "The old bridge was opened in 1887. It spans the river.", 1.1),
        Passage(2, "Rivers", "", "The river is long. Boats pass in summer.", 0.6),
    ),
)


@dataclass
class Heard:
    """All deltas of a stream, and the error that ended it."""

    deltas: list[Delta] = field(default_factory=list)
    error: Exception | None = None

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas if isinstance(delta, TextDelta))

    @property
    def finish(self) -> str | None:
        return next((delta.reason for delta in self.deltas if isinstance(delta, FinishDelta)), None)

    @property
    def usage(self) -> UsageDelta | None:
        return next((delta for delta in self.deltas if isinstance(delta, UsageDelta)), None)

    @property
    def waits(self) -> list[WaitDelta]:
        return [delta for delta in self.deltas if isinstance(delta, WaitDelta)]


async def listen(provider: Provider, request: Request = REQUEST) -> Heard:
    """Read one stream to its end, whatever that is."""
    heard = Heard()
    try:
        async with aclosing(provider.stream(request)) as deltas:
            async for delta in deltas:
                heard.deltas.append(delta)
    except Exception as error:  # noqa: BLE001  the error is what is looked at
        heard.error = error
    return heard


async def first_text(deltas: AsyncGenerator[Delta, None]) -> str:
    """Step until text has come."""
    async for delta in deltas:
        if isinstance(delta, TextDelta):
            return delta.text
    raise AssertionError("the stream ended without text")
