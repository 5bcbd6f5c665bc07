"""Other runtimes give the vectors of torch, or say why they are not used."""

import importlib.util

import numpy as np
import pytest

from vectorstore.base import EmbeddingError
from vectorstore.embeddings import backends
from vectorstore.embeddings.backends import Backend
from vectorstore.embeddings.local import LocalEmbedder

TEXTS = ["The index is rebuilt from the database.", "Bread.", "Water runs through the old mill. " * 40]


def needs(package: str) -> pytest.MarkDecorator:
    """OpenVINO is tested on 64-bit Intel and AMD processors under Linux only."""
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} is not for this machine")


@pytest.mark.parametrize(
    "backend", [pytest.param("openvino", marks=needs("openvino")), pytest.param("onnx", marks=needs("onnxruntime"))]
)
async def test_another_runtime_gives_the_same_vectors(backend: Backend) -> None:
    torch = LocalEmbedder("all-MiniLM-L6-v2", precision="float32", backend="torch")
    other = LocalEmbedder("all-MiniLM-L6-v2", precision="float32", backend=backend)
    try:
        np.testing.assert_allclose(await other.embed(TEXTS, "passage"), await torch.embed(TEXTS, "passage"), atol=1e-5)
    finally:
        await torch.close()
        await other.close()


async def test_one_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backends._PACKAGES, "onnx", ["no_such_package_as_this"])
    embedder = LocalEmbedder("all-MiniLM-L6-v2", backend="onnx")
    with pytest.raises(EmbeddingError, match=r"pip install no_such_package_as_this, or set .*=torch"):
        await embedder.load()
    await embedder.close()


async def test_one_that_gives_other_vectors_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:

    def broken(*_: object) -> backends.Run:
        return lambda arrays: np.random.default_rng(1).standard_normal((*arrays[0].shape, 384)).astype(np.float32)

    monkeypatch.setattr(backends, "_openvino", broken)
    monkeypatch.setattr(backends, "_installed", lambda _: True)
    embedder = LocalEmbedder("all-MiniLM-L6-v2", backend="openvino")
    with pytest.raises(EmbeddingError, match="differ from torch's"):
        await embedder.load()
    await embedder.close()
