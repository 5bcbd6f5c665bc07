"""What the Bedrock provider does beyond the contract: the request's form, configuration, connections."""

import pytest

from providers.base import Message, Request
from providers.bedrock import BedrockAccess, BedrockProvider
from providers.bedrock_reply import converse_messages
from providers.errors import AuthenticationFailed, InvalidRequest
from tests.providers.collect import REQUEST, first_text, listen
from tests.servers.bedrock_wire import BedrockWire


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def test_roles_alternate_and_system_stands_apart() -> None:
    """Converse refuses two messages of one role in a row, empty ones, and an answer at the start."""
    system, messages = converse_messages(
        Request(
            (
                Message("assistant", "Hello"),
                Message("system", "Be brief."),
                Message("user", "One"),
                Message("user", "Two"),
                Message("assistant", " "),
                Message("user", "Three"),
            )
        )
    )
    assert system == [{"text": "Be brief."}]
    assert messages == [{"role": "user", "content": [{"text": "One"}, {"text": "Two"}, {"text": "Three"}]}]


async def test_the_request_is_as_bedrock_wants_it(credentials: None) -> None:
    """Limits within the model's own, the region in the signature."""
    with BedrockWire() as wire:
        model = "us.anthropic.claude-3-haiku-20240307-v1:0"
        provider = BedrockProvider(model, BedrockAccess("eu-west-1", endpoint_url=wire.url))
        heard = await listen(provider, Request(REQUEST.messages, max_output_tokens=50_000, temperature=0.2))
        await provider.close()
        body = wire.requests[0].body
    assert heard.finish == "stop"
    assert wire.requests[0].model == model
    assert body["inferenceConfig"] == {"maxTokens": 4096, "temperature": 0.2}
    assert body["messages"][0]["content"][0]["text"] == "When was the bridge opened?"


async def test_without_credentials_it_says_what_to_set() -> None:
    """Before anything is sent."""
    provider = BedrockProvider("m", BedrockAccess("us-east-1"))
    error = (await listen(provider)).error
    await provider.close()
    assert isinstance(error, AuthenticationFailed)
    assert "AWS_ACCESS_KEY_ID" in error.message


async def test_without_a_region_it_says_what_to_set(credentials: None) -> None:
    """The client cannot even be made."""
    error = (await listen(BedrockProvider("m", BedrockAccess()))).error
    assert isinstance(error, InvalidRequest)
    assert "AWS_REGION" in error.message


async def test_a_profile_that_is_not_there_is_named(credentials: None) -> None:
    """By its variable."""
    error = (await listen(BedrockProvider("m", BedrockAccess("us-east-1", "nobody")))).error
    assert isinstance(error, AuthenticationFailed)
    assert "AWS_PROFILE" in error.message


@pytest.mark.parametrize(
    ("model", "kind"), [("wire-guard", "content_filter"), ("wire-len", "length"), ("wire", "stop")]
)
async def test_reasons_to_stop(credentials: None, model: str, kind: str) -> None:
    """A guardrail that steps in is a filter."""
    with BedrockWire() as wire:
        provider = BedrockProvider(model, BedrockAccess("us-east-1", endpoint_url=wire.url))
        assert (await listen(provider)).finish == kind
        await provider.close()


async def test_a_stream_left_early_does_not_disturb_the_next(credentials: None) -> None:
    """Connections are pooled: one that was shut is not handed out, one in use is not shut."""
    with BedrockWire() as wire:
        slow = BedrockProvider("wire-r100-n500", BedrockAccess("us-east-1", endpoint_url=wire.url))
        for _ in range(5):
            deltas = slow.stream(REQUEST)
            await first_text(deltas)
            await deltas.aclose()
        await slow.close()
        provider = BedrockProvider("wire", BedrockAccess("us-east-1", endpoint_url=wire.url))
        for _ in range(10):
            assert (await listen(provider)).finish == "stop"
        await provider.close()
