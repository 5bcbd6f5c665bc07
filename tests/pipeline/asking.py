"""Questions and conversations through the whole pipeline, over a few documents."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from providers.base import Capabilities, Purpose, Request, TextDelta
from providers.extractive import Extractive
from providers.scripted import Scripted, Step
from providers.sentences import split_sentences
from sitechat.events import AnswerMetadata, Event, Intent
from sitechat.identity import LOCAL
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.run import run
from sitechat.pipeline.state import Tools, TurnState
from sitechat.storage.tables import now
from sitechat.storage.values import Message
from tests.support.shop import Shop

Replies = dict[Purpose, Sequence[Step | str]]


def said(*contents: str, intent: Intent = "qa") -> tuple[Message, ...]:
    """A conversation: a question, its answer, a question, its answer."""
    messages = []
    for place, content in enumerate(contents):
        user = place % 2 == 0
        about = AnswerMetadata(intent=intent, conversation_id="c", provider="p", model="m", prompt_version="1")
        messages.append(
            Message(
                str(place),
                str(place),
                "user" if user else "assistant",
                content,
                "complete",
                False,
                (),
                (),
                None if user else about,
                (),
                None,
                now(),
            )
        )
    return tuple(messages)


class Asking:
    """Asks the pipeline; what the model says to each purpose is in ``replies``. Without replies it only quotes."""

    def __init__(self, shop: Shop, tools: Tools) -> None:
        self.shop = shop
        self.tools = tools
        self.caller = LOCAL
        self.model = Scripted()
        self.events: list[Event] = []

    async def ask(
        self,
        question: str,
        replies: Replies | None = None,
        history: tuple[Message, ...] = (),
        capabilities: Capabilities | None = None,
    ) -> TurnState:
        base = await self.shop.knowledge.get(LOCAL, self.shop.base_id)
        state = TurnState(LOCAL, question, history, base)
        tools = replace(self.tools, provider=Extractive(self.tools.indexes.similarity), advisor=None)
        if replies is not None:
            self.model = Scripted(lambda request: _follow(replies, request), capabilities=capabilities)
            tools = replace(self.tools, provider=self.model, advisor=Advisor(self.model))
        self.events = [event async for event in run(state, tools)]
        return state

    @property
    def purposes(self) -> list[Purpose]:
        """What the model was asked for, in order; not that it was asked to grade, which has tests of its own."""
        return [request.purpose for request in self.model.requests if request.purpose != "grade"]

    @property
    def request(self) -> Request:
        """The one for the answer."""
        return next(request for request in self.model.requests if request.purpose == "answer")


def _follow(replies: Replies, request: Request) -> Iterable[Step]:
    script = replies.get(request.purpose, (_quotation(request),) if request.purpose == "answer" else ())
    return [TextDelta(step) if isinstance(step, str) else step for step in script]


def _quotation(request: Request) -> str:
    """The first sentence of the first passage: what nobody has to be asked about."""
    if not request.passages:
        return "Said."
    text = request.passages[0].text
    start, end = split_sentences(text)[0]
    return f"{text[start:end]} [1]"
