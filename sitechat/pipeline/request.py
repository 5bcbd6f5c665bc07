"""What the provider is asked in the end: the prompt, cut to what fits into the model's context."""

from collections.abc import Sequence
from dataclasses import replace

from providers.base import Message, Passage, Quote, Request
from sitechat.pipeline import prompts
from sitechat.pipeline.budget import output_limit, plan, tokens
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState

_TOKENS_TO_THINK = 2_000
_TOKENS_PER_WORD = 4
"""Room for a text twice as long as its template says."""
_LEAST_CHARS = 200
_MARGIN = 1.1
_PER_MESSAGE = 8
"""Tokens that a chat format spends on each message."""


def make_request(state: TurnState, tools: Tools) -> Request:
    """The request for the answer. Passages without room go from ``state.hits`` to ``state.over_budget``."""
    facts = tools.provider.capabilities
    limit = output_limit(_wanted(state, tools), facts.context_tokens, facts.max_output_tokens)
    room = int((facts.context_tokens - limit) / _MARGIN)
    history = prompts.said(state.history)
    if state.intent == "chitchat":
        room -= _size(prompts.small_talk(state.question, ()))
        recent = history[len(history) - plan(room, (), _sizes(history)).messages :]
        return Request(prompts.small_talk(state.question, recent), question=state.question, max_output_tokens=limit)
    room -= _size(prompts.answer(state.question, state.asked, (), (), state.template))
    fits = plan(room, [tokens(prompts.block(passage)) for passage in numbered(state.hits)], _sizes(history))
    kept = fits.passages or (0,)
    if state.grade is not None and state.grade.quotes:
        state.grade = replace(state.grade, quotes=_renumbered(state.grade.quotes, kept) or None)
    state.over_budget = tuple(hit for place, hit in enumerate(state.hits) if place not in kept)
    state.hits = tuple(state.hits[place] for place in kept)
    passages = numbered(state.hits)
    if not fits.passages:
        passages = (_shortened(passages[0], room),)
    recent = history[len(history) - fits.messages :]
    blocks = [prompts.block(passage) for passage in passages]
    return Request(
        prompts.answer(state.question, state.asked, recent, blocks, state.template),
        question=state.asked,
        passages=passages,
        max_output_tokens=limit,
        quotes=state.template.quotes if state.template is not None else None,
        evidence=state.grade.quotes if state.grade is not None else None,
    )


def _wanted(state: TurnState, tools: Tools) -> int:
    """Tokens that the answer may have, by what it is. Models that think before they write need room for that, too."""
    if state.template is not None:
        return min(tools.max_output_tokens, _TOKENS_TO_THINK + _TOKENS_PER_WORD * state.template.words)
    return tools.max_output_tokens


def numbered(hits: Sequence[ScoredChunk]) -> tuple[Passage, ...]:
    """Passages as a model is shown them, with their numbers from 1."""
    return tuple(hit.passage(number) for number, hit in enumerate(hits, 1))


def _renumbered(quotes: Sequence[Quote], kept: Sequence[int]) -> tuple[Quote, ...]:
    """Quotes of the passages that are ``kept``, by the numbers that these have now."""
    numbers = {place + 1: number for number, place in enumerate(kept, 1)}
    return tuple(replace(quote, number=numbers[quote.number]) for quote in quotes if quote.number in numbers)


def _shortened(passage: Passage, room: int) -> Passage:
    """The beginning of a passage that is too long for the model by itself."""
    share = room / tokens(prompts.block(passage))
    return replace(passage, text=passage.text[: max(_LEAST_CHARS, int(len(passage.text) * share))])


def _sizes(messages: Sequence[Message]) -> list[int]:
    return [tokens(message.content) + _PER_MESSAGE for message in messages]


def _size(messages: Sequence[Message]) -> int:
    return sum(_sizes(messages))
