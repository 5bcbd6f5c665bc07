"""Packed weights give the vectors of sentence-transformers; where they do not, the model runs without them."""

import platform
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from vectorstore.embeddings import packing
from vectorstore.embeddings.local import LocalEmbedder, _packaged_folder

TEXTS = ["The index is rebuilt from the database.", "Bread.", "Water runs through the old mill. " * 40]


@pytest.fixture
def model() -> SentenceTransformer:
    return SentenceTransformer(str(_packaged_folder()), device="cpu", local_files_only=True)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def linear(model: SentenceTransformer) -> int:
    return sum(type(module) is torch.nn.Linear for module in model.modules())


@pytest.mark.skipif(platform.machine() not in packing._MACHINES, reason="other processors run without packed weights")
def test_all_linear_layers_are_packed_and_the_vectors_stay(model: SentenceTransformer) -> None:
    before = model.encode(TEXTS, normalize_embeddings=True)
    assert linear(model) > 30
    packing.pack(model)
    assert linear(model) == 0
    np.testing.assert_allclose(model.encode(TEXTS, normalize_embeddings=True), before, atol=1e-5)


async def test_the_embedder_gives_the_vectors_of_sentence_transformers(model: SentenceTransformer) -> None:
    embedder = LocalEmbedder("all-MiniLM-L6-v2", precision="float32")
    try:
        made = await embedder.embed(TEXTS, "passage")
    finally:
        await embedder.close()
    np.testing.assert_allclose(made, model.encode(TEXTS, normalize_embeddings=True), atol=1e-5)


def wrong(layer: Any) -> Any:
    return torch.nn.Linear(layer.in_features, layer.out_features)


def absent(_layer: Any) -> Any:
    raise AttributeError("this torch has no such operator")


@pytest.mark.skipif(platform.machine() not in packing._MACHINES, reason="other processors run without packed weights")
@pytest.mark.parametrize(("packed", "why"), [(wrong, "differ"), (absent, "no such operator")])
def test_what_differs_or_cannot_be_packed_stays_as_it_was(
    model: SentenceTransformer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    packed: Any,
    why: str,
) -> None:
    before, layers = model.encode(TEXTS), linear(model)
    monkeypatch.setattr(packing, "_packed", packed)
    packing.pack(model)
    assert linear(model) == layers
    np.testing.assert_array_equal(model.encode(TEXTS), before)
    assert why in caplog.text
