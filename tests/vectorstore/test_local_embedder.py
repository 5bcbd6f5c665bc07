"""What is particular to models in this process."""

import asyncio
import subprocess
import sys

import numpy as np

from vectorstore.embeddings.local import LocalEmbedder

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
