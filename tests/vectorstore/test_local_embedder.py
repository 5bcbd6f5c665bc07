"""What is particular to models in this process."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from vectorstore.embeddings.backends import installed
from vectorstore.embeddings.local import LocalEmbedder
from vectorstore.late import Span, score, unit

SENTENCES = [
    "Snapshots are written to a temporary file first.",
    "The index is rebuilt from the database when its checksum is wrong.",
    "Bread is baked from flour, water, salt and yeast.",
]


async def test_half_precision_ranks_the_same() -> None:
    """bfloat16 is taken where the processor multiplies it: its vectors are those of float32, nearly."""
    full, half = (
        LocalEmbedder("all-MiniLM-L6-v2", precision="float32"),
        LocalEmbedder("all-MiniLM-L6-v2", precision="bfloat16"),
    )
    exact, rough = await asyncio.gather(full.embed(SENTENCES, "passage"), half.embed(SENTENCES, "passage"))
    assert np.sum(exact * rough, axis=1).min() > 0.995
    np.testing.assert_allclose(np.linalg.norm(rough, axis=1), 1, atol=1e-6)
    (query,) = await half.embed(["What happens to a damaged index?"], "query")
    assert int(np.argmax(rough @ query)) == int(np.argmax(exact @ query)) == 1
    await asyncio.gather(full.close(), half.close())


async def test_texts_of_all_lengths_from_all_sides_get_the_vectors_they_get_alone() -> None:
    """Two encoders with the same weights work at once on batches that are mixed from all who ask."""
    embedder = LocalEmbedder("all-MiniLM-L6-v2", precision="float32")
    texts = [" ".join(SENTENCES[(length + word) % 3] for word in range(length % 23 + 1)) for length in range(60)]
    alone = [(await embedder.embed([text], "passage"))[0] for text in texts[::7]]
    parts = await asyncio.gather(*(embedder.embed(texts[begin::5], "passage") for begin in range(5)))
    together = {text: row for begin in range(5) for text, row in zip(texts[begin::5], parts[begin], strict=True)}
    for text, row in zip(texts[::7], alone, strict=True):
        np.testing.assert_allclose(together[text], row, atol=1e-5)
    await embedder.close()


QUIETLY = """
import asyncio, socket
def refuse(*_): raise OSError("no network here")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from vectorstore.embeddings.local import LocalEmbedder
async def main():
    embedder = LocalEmbedder("all-MiniLM-L6-v2")
    print((await embedder.embed(["one", "two"], "passage")).shape)
    await embedder.close()
asyncio.run(main())
"""


def test_the_packaged_model_needs_no_network_and_says_nothing() -> None:
    """No connection, no progress bar, no warning, and the process ends by itself."""
    done = subprocess.run([sys.executable, "-c", QUIETLY], capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(2, 384)\n", "")


LEAVING = """
import asyncio
from vectorstore.embeddings.local import LocalEmbedder
async def main():
    embedder = LocalEmbedder("all-MiniLM-L6-v2")
    task = asyncio.create_task(embedder.load())
    await asyncio.sleep(0.5)
    task.cancel()
asyncio.run(main())
print("left")
"""


def test_leaving_while_the_model_loads_is_no_crash() -> None:
    """Somebody stops the process in its first seconds, while torch is being imported."""
    done = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stdout) == (0, "left\n")


LONG = " ".join(SENTENCES)


def spans_of(text: str, sentences: Sequence[str]) -> list[Span]:
    return [(text.index(each), text.index(each) + len(each)) for each in sentences]


@pytest.mark.parametrize("backend", installed())
async def test_parts_of_a_text_come_with_its_vector(backend: str) -> None:
    """From the same run: the vector is what it is without them, and a question finds its sentence."""
    embedder = LocalEmbedder("all-MiniLM-L6-v2", precision="float32", backend=backend)  # type: ignore[arg-type]
    texts, spans = [LONG, "Bread.", LONG[::-1]], [spans_of(LONG, SENTENCES), [(0, 6)], []]
    vectors, parts = await embedder.embed_late(texts, spans)
    np.testing.assert_allclose(vectors, await embedder.embed(texts, "passage"), atol=1e-4)
    assert [part.spans for part in parts] == [tuple(spans[0]), ((0, 6),), ()]
    assert [len(part.windows) > 1 for part in parts] == [True, False, True]
    (query,) = await embedder.embed(["What is bread made of?"], "query")
    assert int(np.argmax(unit(parts[0].sentences) @ query)) == 2
    assert score(query, parts[:1])[0].sentence > float(vectors[0] @ query) + 0.1
    await embedder.close()


async def test_sentences_beyond_what_the_model_reads_have_no_vector() -> None:
    """They are left out, and told apart by the spans of those that are there."""
    embedder = LocalEmbedder("all-MiniLM-L6-v2")
    text = " ".join([*SENTENCES, "word " * 400, "This end is not read."])
    _, (part,) = await embedder.embed_late([text], [spans_of(text, [*SENTENCES, "This end is not read."])])
    assert part.spans == tuple(spans_of(text, SENTENCES))
    assert len(part.sentences) == 3
    await embedder.close()


async def test_callers_with_and_without_parts_share_the_model() -> None:
    """Each gets what was asked for, whatever else is in the batch."""
    embedder = LocalEmbedder("all-MiniLM-L6-v2", precision="float32")
    plain = asyncio.gather(*(embedder.embed([sentence], "passage") for sentence in SENTENCES))
    late = asyncio.gather(*(embedder.embed_late([each], [[(0, len(each))]]) for each in SENTENCES))
    for (row,), ((same,), (part,)) in zip(await plain, await late, strict=True):
        np.testing.assert_allclose(row, same, atol=1e-4)
        assert len(part.sentences) == 1
    await embedder.close()


async def test_nothing_has_no_parts() -> None:
    embedder = LocalEmbedder("all-MiniLM-L6-v2")
    vectors, parts = await embedder.embed_late([], [])
    assert (vectors.shape, parts) == ((0, 384), [])
    (vector,), (part,) = await embedder.embed_late([""], [()])
    assert (vector.shape, len(part.windows), part.spans) == ((384,), 1, ())
    await embedder.close()
