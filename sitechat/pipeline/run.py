"""The order of the steps."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from sitechat.events import Event
from sitechat.pipeline.answer import answer
from sitechat.pipeline.retrieve import retrieve
from sitechat.pipeline.rewrite import rewrite
from sitechat.pipeline.route import route
from sitechat.pipeline.state import Tools, TurnState


async def run(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Answer ``state.question``; what came of it is in ``state``. Raises ``SiteChatError``."""
    async for event in route(state, tools):
        yield event
    if state.intent != "chitchat":
        for step in (rewrite, retrieve):
            async for event in step(state, tools):
                yield event
    async with aclosing(answer(state, tools)) as events:
        async for event in events:
            yield event
