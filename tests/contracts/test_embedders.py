"""What every embedder promises, whoever computes the vectors; the remote ones against their wires on loopback."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from tests.servers.embeddings_wire import EmbeddingsWire
from vectorstore.base import Embedder, EmbeddingError
from vectorstore.embeddings.factory import EmbeddingOptions, create_embedder

KEY = "sk-test-1234567890abcdef"
TITAN, COHERE, COHERE_4 = "amazon.titan-embed-text-v2:0", "cohere.embed-english-v3", "us.cohere.embed-v4:0"
REMOTE = ["openai/text-embedding-3-small", f"bedrock/{TITAN}", f"bedrock/{COHERE}", f"bedrock/{COHERE_4}"]
LOCAL = "local/all-MiniLM-L6-v2"
TEXTS = ["Backups are made at night.", "", "The cat sat on the mat.", "Nightly backups", "é 你好 😀", "word " * 3000]


@pytest.fixture(scope="module")
def wire() -> Iterator[EmbeddingsWire]:
    with EmbeddingsWire() as server:
        yield server


@pytest.fixture(autouse=True)
def clean(wire: EmbeddingsWire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh log, and credentials of nobody."""
    wire.clear()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-nobody")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def make(spec: str, wire: EmbeddingsWire, **changes: object) -> Embedder:
    values: dict[str, object] = {
        "openai_api_key": KEY,
        "openai_base_url": wire.url,
        "aws_region": "us-east-1",
        "bedrock_endpoint_url": wire.origin,
        "timeout": 20.0,
    }
    return create_embedder(spec, EmbeddingOptions(**{**values, **changes}))  # type: ignore[arg-type]


@pytest.fixture(params=[LOCAL, *REMOTE])
async def embedder(request: pytest.FixtureRequest, wire: EmbeddingsWire) -> AsyncIterator[Embedder]:
    embedder = make(request.param, wire)
    yield embedder
    await embedder.close()


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_is_an_embedder(embedder: Embedder) -> None:
    """The class has the shape of the Protocol, and making one loads nothing."""
    assert isinstance(embedder, Embedder)
    assert "/" in embedder.spec
    assert not embedder.ready


async def test_vectors_are_unit_float32_in_order(embedder: Embedder) -> None:
    """So that the inner product is the cosine; empty and overlong texts included."""
    dimension = await embedder.load()
    assert embedder.ready
    rows = await embedder.embed(TEXTS, "passage")
    assert rows.shape == (len(TEXTS), dimension)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    singly = np.vstack([await embedder.embed([text], "passage") for text in TEXTS])
    np.testing.assert_allclose(rows, singly, atol=0.02)


async def test_texts_that_are_alike_are_near(embedder: Embedder) -> None:
    """A question finds the passage with its words before one without."""
    (query,) = await embedder.embed(["nightly backups"], "query")
    near, far = await embedder.embed(["Nightly backups are kept", "The cat sat on a mat"], "passage")
    assert query @ near > query @ far + 0.2


async def test_nothing_makes_no_rows(embedder: Embedder) -> None:
    """Of the model's width, so that it can be stacked."""
    assert (await embedder.embed([], "passage")).shape == (0, await embedder.load())


async def test_many_callers_at_once_get_their_own(embedder: Embedder) -> None:
    """Loaded once, whoever comes first; nobody gets another's vectors."""
    texts = [f"subject number {i}" for i in range(12)]
    alone, *together = await asyncio.gather(
        embedder.embed(texts, "passage"), *(embedder.embed([text], "passage") for text in texts)
    )
    np.testing.assert_allclose(np.vstack(together), alone, atol=0.02)


async def test_a_caller_who_leaves_does_not_take_the_model_along(embedder: Embedder) -> None:
    """A page closed while the model loads leaves it loading for the others."""
    first = asyncio.create_task(embedder.load())
    second = asyncio.create_task(embedder.load())
    await asyncio.sleep(0)
    first.cancel()
    assert await second > 0


@pytest.mark.parametrize("spec", ["", "local", "local/", "acme/model", "text-embedding-3-small"])
def test_a_name_of_nothing_is_told(spec: str) -> None:
    """The message says where the name is set and what it may be."""
    with pytest.raises(EmbeddingError, match="SITECHAT_EMBEDDING"):
        create_embedder(spec)


async def test_a_model_that_is_not_there_is_told() -> None:
    """A wrong folder or name: what to check, and what needs no network."""
    embedder = create_embedder("local//there/is/no/such/folder")
    with pytest.raises(EmbeddingError, match="SITECHAT_EMBEDDING") as caught:
        await embedder.load()
    assert "\n" not in caught.value.message
    assert not embedder.ready
    await embedder.close()


async def test_openai_sends_batches_of_bounded_size(wire: EmbeddingsWire) -> None:
    """Many texts are several requests, each within the limits, none lost."""
    embedder = make("openai/model", wire)
    rows = await embedder.embed([f"text {i}" for i in range(600)], "passage")
    sizes = [len(exchange.body["input"]) for exchange in wire.requests[1:]]
    assert sorted(sizes) == [88, 256, 256]
    assert rows.shape == (600, 384)
    await embedder.close()


async def test_titan_gets_one_text_a_call(wire: EmbeddingsWire) -> None:
    """And several calls at once."""
    embedder = make(f"bedrock/{TITAN}", wire)
    await embedder.embed([f"text {i}" for i in range(9)], "passage")
    assert sorted(wire.texts()) == sorted(["dimension", *(f"text {i}" for i in range(9))])
    assert {exchange.model for exchange in wire.requests} == {TITAN}
    await embedder.close()


@pytest.mark.parametrize("model", [COHERE, COHERE_4])
async def test_cohere_is_told_questions_from_passages(wire: EmbeddingsWire, model: str) -> None:
    """Its vectors differ by what a text is for; at most 96 texts a call."""
    embedder = make(f"bedrock/{model}", wire)
    await embedder.load()
    wire.clear()
    await embedder.embed([f"text {i}" for i in range(100)], "passage")
    await embedder.embed(["question"], "query")
    sent = [(exchange.body["input_type"], len(exchange.body["texts"])) for exchange in wire.requests]
    assert sorted(sent) == [("search_document", 4), ("search_document", 96), ("search_query", 1)]
    await embedder.close()


async def test_a_passing_fault_is_tried_again(wire: EmbeddingsWire, remote: str) -> None:
    """Too busy once: the texts are embedded all the same."""
    embedder = make(f"{remote}-e503-f1", wire)
    assert await embedder.load() > 0
    assert [exchange.end for exchange in wire.requests] == ["503", "done"]
    await embedder.close()


async def test_retry_after_is_honoured(wire: EmbeddingsWire) -> None:
    """A server that says when to come back is not asked before."""
    embedder = make("openai/model-e429-f1-ra1", wire)
    await embedder.load()
    refused, answered = wire.requests
    assert answered.started - refused.started >= 1
    await embedder.close()


async def test_a_long_wait_is_left_to_the_caller(wire: EmbeddingsWire) -> None:
    """A person is told at once; the time is handed on."""
    embedder = make("openai/model-e429-ra300", wire)
    with pytest.raises(EmbeddingError, match="rate") as caught:
        await embedder.load()
    assert (caught.value.transient, caught.value.retry_after) == (True, 300)
    assert len(wire.requests) == 1
    await embedder.close()


@pytest.mark.parametrize(
    ("flags", "match"), [("-e401", "OPENAI_API_KEY"), ("-e403", "permissions"), ("-e404", "SITECHAT_EMBEDDING"),
                         ("-e400", "rejected the texts"), ("-e402", "credit"), ("-html", "OPENAI_BASE_URL")],
)  # fmt: skip
async def test_openai_refusals_say_what_to_do(wire: EmbeddingsWire, flags: str, match: str) -> None:
    """Told once, at once, without the key."""
    embedder = make("openai/model" + flags, wire)
    with pytest.raises(EmbeddingError, match=match) as caught:
        await embedder.load()
    assert KEY not in str(caught.value)
    assert not caught.value.transient
    assert len(wire.requests) == 1
    await embedder.close()


@pytest.mark.parametrize(
    ("flags", "match"),
    [("-e403", "does not let these credentials"), ("-e404", "AWS_REGION"), ("-e400", "rejected the texts"),
     ("-html", "not JSON"), ("-nan", "finite")],
)  # fmt: skip
async def test_bedrock_refusals_say_what_to_do(wire: EmbeddingsWire, flags: str, match: str) -> None:
    """Through the real boto3, without its own retries."""
    embedder = make(f"bedrock/{TITAN}{flags}", wire)
    with pytest.raises(EmbeddingError, match=match) as caught:
        await embedder.load()
    assert "secret-of-nobody" not in str(caught.value)
    await embedder.close()


async def test_a_server_that_is_not_there_is_told(wire: EmbeddingsWire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which address to check; transient, since it may come back."""
    for spec, variable in (("openai/m", "OPENAI_BASE_URL"), (f"bedrock/{TITAN}", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME")):
        embedder = make(spec, wire, openai_base_url="http://127.0.0.1:9/v1", bedrock_endpoint_url="http://127.0.0.1:9")
        with pytest.raises(EmbeddingError, match=variable) as caught:
            await embedder.load()
        assert caught.value.transient
        await embedder.close()


async def test_missing_credentials_are_told(wire: EmbeddingsWire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which variable to set, before anything is sent."""
    keyless = make("openai/m", wire, openai_api_key=None, openai_base_url=None)
    with pytest.raises(EmbeddingError, match="OPENAI_API_KEY"):
        await keyless.load()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    anonymous = make(f"bedrock/{TITAN}", wire)
    with pytest.raises(EmbeddingError, match="AWS_ACCESS_KEY_ID"):
        await anonymous.load()
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    nowhere = make(f"bedrock/{TITAN}", wire, aws_region=None)
    with pytest.raises(EmbeddingError, match="AWS_REGION"):
        await nowhere.load()
    assert wire.requests == []
    for embedder in (keyless, anonymous, nowhere):
        await embedder.close()


async def test_a_local_server_needs_no_key(wire: EmbeddingsWire) -> None:
    """Ollama and llama.cpp have none."""
    embedder = make("openai/nomic", wire, openai_api_key=None)
    assert await embedder.load() == 384
    await embedder.close()


def test_a_model_of_bedrock_that_embeds_nothing_is_told() -> None:
    """A language model's id by mistake."""
    with pytest.raises(EmbeddingError, match="SITECHAT_EMBEDDING"):
        create_embedder("bedrock/anthropic.claude-sonnet-4")


def test_the_key_is_not_in_the_options_text() -> None:
    """A log of the options gives nothing away."""
    assert KEY not in repr(EmbeddingOptions(openai_api_key=KEY))
