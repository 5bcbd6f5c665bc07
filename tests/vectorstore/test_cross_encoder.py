"""A cross-encoder from a folder, small and untrained: it is loaded, scores in order, and says why when it cannot."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from vectorstore.base import Reranker, RerankError
from vectorstore.cross_encoder import CrossEncoderReranker
from vectorstore.factory import create_reranker

WORDS = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nplums\nfigs\nkeep\nfor\na\nweek\nyear\nhow\nlong\ndo\nthey"


def build(folder: Path, labels: int = 1) -> str:
    """A cross-encoder of random weights, always the same."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir()
    (folder / "vocab.txt").write_text(WORDS)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(7)
    shape = BertConfig(
        vocab_size=len(WORDS.split()),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
        initializer_range=0.3,
        num_labels=labels,
    )
    BertForSequenceClassification(shape).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("models") / "tiny")


@pytest_asyncio.fixture
async def reranker(folder: str) -> AsyncIterator[CrossEncoderReranker]:
    made = CrossEncoderReranker(folder)
    yield made
    await made.close()


async def test_each_text_gets_a_number_from_0_to_1_in_order(reranker: CrossEncoderReranker) -> None:
    texts = [f"plums keep for a {'week ' * n}" for n in range(1, 40)]
    scores = await reranker.scores("how long do plums keep", texts)
    assert len(scores) == len(texts)
    assert all(0 <= score <= 1 for score in scores)
    assert len({round(score, 6) for score in scores}) > 10
    backwards = await reranker.scores("how long do plums keep", texts[::-1])
    assert backwards[::-1] == pytest.approx(scores, abs=1e-5)


async def test_the_question_matters(reranker: CrossEncoderReranker) -> None:
    first, second = ["plums keep"], ["plums keep"]
    assert await reranker.scores("how long", first) != await reranker.scores("figs figs figs", second)


async def test_nothing_to_score_is_nothing(reranker: CrossEncoderReranker) -> None:
    assert await reranker.scores("how long", []) == []
    assert isinstance(reranker, Reranker)


async def test_a_caller_who_leaves_does_not_keep_others_waiting(reranker: CrossEncoderReranker) -> None:
    await reranker.scores("how long", ["plums"])
    left = asyncio.create_task(reranker.scores("how long", ["plums keep for a week"] * 2000))
    await asyncio.sleep(0.01)
    left.cancel()
    assert len(await reranker.scores("how long", ["figs"])) == 1
    with pytest.raises(asyncio.CancelledError):
        await left


async def test_a_model_that_is_not_there_says_what_to_check(tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(str(tmp_path / "none"))
    with pytest.raises(RerankError, match="SITECHAT_RERANKER"):
        await reranker.scores("how long", ["plums"])
    await reranker.close()


async def test_a_model_that_is_none_says_so(tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(build(tmp_path / "three", labels=3))
    with pytest.raises(RerankError, match="more than one number"):
        await reranker.scores("how long", ["plums"])
    await reranker.close()


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("cross-encoder/ms-marco-MiniLM-L6-v2", "cross-encoder/ms-marco-MiniLM-L6-v2"),
        ("cross-encoder/BAAI/bge-reranker-base", "BAAI/bge-reranker-base"),
        ("cross-encoder//models/mine", "/models/mine"),
    ],
)
def test_a_name_without_an_owner_is_one_of_the_hub_s_cross_encoders(setting: str, name: str) -> None:
    assert create_reranker(setting).spec == f"cross-encoder/{name}"
