"""What the OpenAI provider does beyond the contract: peculiar servers, parameters, models."""

import pytest

from providers.base import WaitDelta
from providers.errors import MalformedStream, ModelNotFound, ProviderUnavailable, RateLimitExceeded, StreamBroken
from providers.facts import UNKNOWN, bedrock_facts, openai_facts
from providers.http_errors import Endpoint
from providers.openai import OPENAI_URL, OpenAIProvider
from providers.reply import ChatReply
from tests.providers.collect import KEY, REQUEST, listen
from tests.servers.openai_wire import OpenAIWire

ENDPOINT = Endpoint("The server", "http://localhost/v1", KEY, "OPENAI_API_KEY", "OPENAI_BASE_URL")


def provider_at(wire: OpenAIWire, model: str) -> OpenAIProvider:
    return OpenAIProvider(model, Endpoint("The server", wire.url, KEY, "OPENAI_API_KEY", "OPENAI_BASE_URL"))


async def test_a_server_that_rejects_an_option_is_asked_without_it() -> None:
    """And is not asked with it again."""
    with OpenAIWire() as wire:
        provider = provider_at(wire, "wire-so")
        assert (await listen(provider)).finish == "stop"
        assert (await listen(provider)).finish == "stop"
        await provider.close()
        assert ["stream_options" in one.body for one in wire.requests] == [True, False, False]


async def test_compatible_servers_get_the_old_name_of_the_limit() -> None:
    """Many know only ``max_tokens``; neither reasoning nor temperature is sent unasked."""
    with OpenAIWire() as wire:
        provider = provider_at(wire, "gpt-5.4-mini")
        await listen(provider)
        await provider.close()
        body = wire.requests[0].body
    assert body["max_tokens"] == REQUEST.max_output_tokens
    assert not {"max_completion_tokens", "temperature", "reasoning_effort"} & set(body)


def test_openai_gets_the_new_name_and_room_to_think() -> None:
    """Thoughts count as output there, so that they do not eat the answer."""
    endpoint = Endpoint("OpenAI", OPENAI_URL, KEY, "OPENAI_API_KEY", "OPENAI_BASE_URL")
    body = OpenAIProvider("gpt-5.4-mini", endpoint)._payload(REQUEST)
    assert body["max_completion_tokens"] > REQUEST.max_output_tokens
    assert body["reasoning_effort"] == "low"
    assert "reasoning_effort" not in OpenAIProvider("gpt-4.1", endpoint)._payload(REQUEST)


async def test_a_web_page_is_no_stream() -> None:
    """A wrong address often answers with one."""
    with OpenAIWire() as wire:
        provider = provider_at(wire, "wire-html")
        heard = await listen(provider)
        await provider.close()
    assert isinstance(heard.error, MalformedStream)
    assert "address" in heard.error.message


async def test_the_connection_serves_the_next_question() -> None:
    """What follows the last event is read, so that a connection is not made anew each time."""
    with OpenAIWire() as wire:
        provider = provider_at(wire, "wire")
        for _ in range(3):
            await listen(provider)
        client = await provider._ready()
        pool = client._client._transport._pool  # type: ignore[attr-defined]
        assert len(pool.connections) == 1
        await provider.close()


def read(*payloads: str) -> tuple[list[object], ChatReply]:
    reply = ChatReply(ENDPOINT, "m")
    return [delta for payload in payloads for delta in reply.read(payload)], reply


def test_thoughts_are_a_sign_of_life_and_not_text() -> None:
    """Servers name them differently."""
    deltas, reply = read('{"choices": [{"delta": {"reasoning_content": "hm"}}]}')
    assert isinstance(deltas[0], WaitDelta)
    assert not reply.started
    deltas, _ = read('{"choices": [{"delta": {"reasoning": "hm"}}]}')
    assert len(deltas) == 1


def test_a_refusal_in_words_is_text() -> None:
    """The model says no, and the reader sees how."""
    deltas, reply = read('{"choices": [{"delta": {"refusal": "I cannot."}, "finish_reason": "stop"}]}', "[DONE]")
    assert reply.started
    assert len(deltas) == 1


def test_a_closing_mark_without_a_reason_is_a_finish() -> None:
    """Some servers send none."""
    _, reply = read('{"choices": [{"delta": {"content": "Hi"}}]}', "[DONE]")
    assert [type(delta).__name__ for delta in reply.ending()] == ["FinishDelta"]


def test_a_stream_that_just_ends_is_broken() -> None:
    """Neither reason nor mark: the connection was lost, however politely."""
    _, reply = read('{"choices": [{"delta": {"content": "Hi"}}]}')
    with pytest.raises(StreamBroken):
        list(reply.ending())
    with pytest.raises(ProviderUnavailable):
        list(ChatReply(ENDPOINT, "m").ending())


@pytest.mark.parametrize(
    "payload", ["[]", '"text"', '{"choices": "x"}', '{"choices": [1]}', '{"choices": [{"delta": 3}]}']
)
def test_what_is_no_chunk_is_malformed(payload: str) -> None:
    """JSON alone does not make it the protocol."""
    with pytest.raises(MalformedStream):
        read(payload)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ('{"code": 429, "message": "slow down"}', RateLimitExceeded),
        ('{"code": "rate_limit_exceeded", "message": "slow down"}', RateLimitExceeded),
        ('{"code": 404, "message": "model x not found"}', ModelNotFound),
        ('{"message": "oops", "type": "server_error"}', ProviderUnavailable),
        ('"oops"', ProviderUnavailable),
    ],
)
def test_errors_within_a_stream(error: str, kind: type[Exception]) -> None:
    """Before text they are what they say; after it the stream is broken."""
    with pytest.raises(kind):
        read(f'{{"error": {error}}}')
    with pytest.raises(StreamBroken):
        read('{"choices": [{"delta": {"content": "Hi"}}]}', f'{{"error": {error}}}')


def test_facts_of_models() -> None:
    """The special case before its family; the rest modest."""
    assert openai_facts("gpt-5.4-mini").context_tokens == 400_000
    assert openai_facts("gpt-5.4-2026-03-05").context_tokens == 1_050_000
    assert not openai_facts("gpt-5-chat-latest").reasons
    assert openai_facts("openai/gpt-4o-mini").context_tokens == 128_000
    assert openai_facts("qwen3:8b") is UNKNOWN
    assert bedrock_facts("us.anthropic.claude-3-haiku-20240307-v1:0").max_output_tokens == 4_096
    assert bedrock_facts("us.anthropic.claude-sonnet-4-5-20250929-v1:0").max_output_tokens == 64_000
    assert bedrock_facts("acme.new-model").context_tokens == 32_000
