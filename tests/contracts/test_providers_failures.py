"""How the wires fail, and what the person at the page is told: the same errors for every vendor, never a key."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import pytest

from providers import errors
from providers.base import Provider
from providers.bedrock import BedrockAccess, BedrockProvider
from providers.guard import Guarded, Limits
from providers.http_errors import Endpoint
from providers.openai import OpenAIProvider
from tests.providers.collect import KEY, REQUEST, Heard, first_text, listen
from tests.servers.bedrock_wire import BedrockWire
from tests.servers.host import LoopbackServer
from tests.servers.openai_wire import OpenAIWire

SECRET = "aws-secret-value-that-nobody-sees-9fT2"
PATIENT = Limits(first_token=30, silence=30, pause_first=0.01, pause_jitter=0.01, retry_after_most=5)


class Make(Protocol):
    async def __call__(self, flags: str, limits: Limits = PATIENT) -> Provider: ...


@pytest.fixture(scope="module", params=[OpenAIWire, BedrockWire])
def wire(request: pytest.FixtureRequest) -> Iterator[LoopbackServer]:
    with request.param() as server:
        yield server


@pytest.fixture
async def make(wire: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Makes guarded providers whose server behaves as the model's flags say."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    wire.clear()
    made: list[Provider] = []

    async def build(flags: str, limits: Limits = PATIENT) -> Provider:
        provider = Guarded(bare(wire, f"wire{flags}"), limits)
        made.append(provider)
        await provider.check()  # builds the client, which takes longer than the limits tried here
        wire.clear()
        return provider

    yield build
    for provider in made:
        await provider.close()


def bare(wire: LoopbackServer, model: str) -> Provider:
    if isinstance(wire, OpenAIWire):
        return OpenAIProvider(model, Endpoint("The server", wire.url, KEY, "OPENAI_API_KEY", "OPENAI_BASE_URL"))
    return BedrockProvider(model, BedrockAccess(region="us-east-1", endpoint_url=wire.origin))


def assert_fit_to_show(heard: Heard, kind: type[errors.ProviderError]) -> None:
    """One plain sentence or two that say what to do, and nothing secret."""
    assert type(heard.error) is kind, f"{heard.error!r}"
    message = str(heard.error)
    assert KEY not in message
    assert SECRET not in message
    assert "Traceback" not in message
    assert not re.search(r"sk-\w{8}", message)
    assert message.endswith((".", "…"))
    assert 20 < len(message) < 260


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ("-e401", errors.AuthenticationFailed),
        ("-e403", errors.AuthenticationFailed),
        ("-e404", errors.ModelNotFound),
        ("-e400", errors.InvalidRequest),
        ("-long", errors.ContextTooLong),
        ("-e429-ra1000", errors.RateLimitExceeded),
        ("-e500", errors.ProviderUnavailable),
        ("-e503", errors.ProviderUnavailable),
        ("-m0", errors.ProviderUnavailable),
        ("-c0", errors.ProviderUnavailable),
        ("-x0", errors.ProviderUnavailable),
        ("-b0", errors.MalformedStream),
    ],
)
async def test_a_failure_before_the_text_has_its_class(
    make: Make, flags: str, kind: type[errors.ProviderError]
) -> None:
    """Each way to fail is told apart."""
    assert_fit_to_show(await listen(await make(flags)), kind)


@pytest.mark.parametrize("flags", ["-m5", "-c5", "-x5", "-b5"])
async def test_a_stream_that_breaks_keeps_its_text(make: Make, flags: str) -> None:
    """What had come stays; the error says that the answer is incomplete. Nothing is asked a second time."""
    heard = await listen(await make(flags))
    assert heard.text.startswith("FIRST")
    assert_fit_to_show(heard, errors.StreamBroken)
    assert "incomplete" in str(heard.error)
    assert heard.finish is None
    assert not heard.waits


async def test_a_late_first_token_is_announced_then_given_up(make: Make, wire: LoopbackServer) -> None:
    """Nobody looks at a still page: notices come, then a plain end, and the server is left."""
    heard = await listen(await make("-d60000", Limits(first_token=1.0, notice_every=0.25)))
    assert_fit_to_show(heard, errors.ProviderTimeout)
    assert heard.waits
    assert all(wait.kind == "waiting" and "Still waiting for the model" in wait.message for wait in heard.waits)
    await asyncio.to_thread(wire.wait_for_end, "client-left")


async def test_headers_that_never_come_can_be_left(make: Make, wire: LoopbackServer) -> None:
    """The limit holds before the response has begun, too, where a blocking client has no response to close."""
    heard = await listen(await make("-w60000", Limits(first_token=0.5)))
    assert_fit_to_show(heard, errors.ProviderTimeout)
    await asyncio.to_thread(wire.wait_for_end, "client-left")


async def test_silence_in_mid_stream_ends_the_answer(make: Make, wire: LoopbackServer) -> None:
    """Text that stops coming is a broken stream, and the connection does not linger."""
    heard = await listen(await make("-h5", Limits(first_token=30, silence=0.5)))
    assert heard.text.startswith("FIRST")
    assert_fit_to_show(heard, errors.StreamBroken)
    assert "silent" in str(heard.error)
    await asyncio.to_thread(wire.wait_for_end, "client-left")


async def test_stop_during_silence_leaves_at_once(make: Make, wire: LoopbackServer) -> None:
    """The reader of a silent connection is not held by it."""
    deltas = (await make("-h3")).stream(REQUEST)
    await first_text(deltas)
    await deltas.aclose()
    await asyncio.to_thread(wire.wait_for_end, "client-left")


async def test_a_flood_is_cut_at_the_limit(make: Make, wire: LoopbackServer) -> None:
    """A model that does not stop is stopped, and its connection closed."""
    heard = await listen(await make("-n100000", Limits(max_output_tokens=500)))
    assert heard.error is None
    assert heard.finish == "length"
    assert len(heard.text.split()) == 500
    await asyncio.to_thread(wire.wait_for_end, "client-left")


async def test_a_passing_failure_is_tried_again_before_the_text(make: Make, wire: LoopbackServer) -> None:
    """Two refusals, then an answer: the reader is told of each pause."""
    heard = await listen(await make("-e503-f2"))
    assert heard.error is None
    assert heard.text
    assert [wait.kind for wait in heard.waits] == ["retrying", "retrying"]
    assert len(wire.requests) == 3


@pytest.mark.parametrize("flags", ["-ra1", "-rd2"])
async def test_retry_after_is_honoured(make: Make, wire: LoopbackServer, flags: str) -> None:
    """In seconds and as a date; the pause that is announced is the one that was asked for."""
    heard = await listen(await make(f"-e429-f1{flags}"))
    assert heard.error is None
    assert heard.waits[0].seconds <= 2.1
    assert wire.requests[1].started - wire.requests[0].started > 0.8 * min(heard.waits[0].seconds, 1.0)
    assert "The model is busy; retrying in" in heard.waits[0].message


async def test_a_lasting_failure_is_not_tried_again(make: Make, wire: LoopbackServer) -> None:
    """A rejected key does not get better by asking three times."""
    heard = await listen(await make("-e401"))
    assert not heard.waits
    assert len(wire.requests) == 1


async def test_reasons_to_finish_are_told_apart(make: Make) -> None:
    """Cut by length, or by a filter, is not the same as done."""
    assert (await listen(await make("-len"))).finish == "length"
    assert (await listen(await make("-filter"))).finish == "content_filter"


async def test_usage_is_optional(make: Make) -> None:
    """A server that keeps its counts to itself still finishes."""
    heard = await listen(await make("-nu"))
    assert heard.finish == "stop"


async def test_nobody_there_says_where_it_looked(wire: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection names the host and what to check."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        if isinstance(wire, OpenAIWire):
            endpoint = Endpoint("The server", f"http://{host}/v1", KEY, "OPENAI_API_KEY", "OPENAI_BASE_URL")
            inner: Provider = OpenAIProvider("wire", endpoint)
        else:
            inner = BedrockProvider("wire", BedrockAccess(region="us-east-1", endpoint_url=f"http://{host}"))
        provider = Guarded(inner, PATIENT)
        heard = await listen(provider)
        await provider.close()
    assert_fit_to_show(heard, errors.ProviderUnavailable)
    assert f"Cannot reach the model at {host}" in str(heard.error)
    assert len(heard.waits) == 2
