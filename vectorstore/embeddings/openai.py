"""Embeddings of OpenAI and of servers that speak the same: the one file of this package that knows ``openai``."""

import asyncio
import base64
import email.utils
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vectorstore.base import EmbeddingError, EmbedKind, Vectors
from vectorstore.embeddings.remote import batches_of, embed_remotely

if TYPE_CHECKING:
    import openai

_MOST_TEXTS = 256
_MOST_BYTES = 600_000
"""About 200,000 tokens at the least; a request may hold 300,000."""
_LONGEST_BYTES = 24_000
"""About 8,000 tokens at the least; a text may have 8,191."""
_NO_KEY = "none"


class OpenAIEmbedder:
    """An :class:`~vectorstore.base.Embedder`. ``timeout`` is of one request, in seconds."""

    def __init__(self, model: str, *, api_key: str | None, base_url: str | None, timeout: float) -> None:
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._client: openai.AsyncOpenAI | None = None
        self._dimension: int | None = None
        self._loading = asyncio.Lock()

    @property
    def spec(self) -> str:
        return f"openai/{self._model}"

    @property
    def ready(self) -> bool:
        return self._dimension is not None

    async def load(self) -> int:
        async with self._loading:
            if self._dimension is None:
                if self._api_key is None and self._base_url is None:
                    raise EmbeddingError(
                        f"The search model “{self._model}” needs OPENAI_API_KEY, which is not set. Set it, or choose "
                        "local/all-MiniLM-L6-v2 as SITECHAT_EMBEDDING."
                    )
                self._client = self._client or await asyncio.to_thread(self._build)
                probe = await self._embed(["dimension"], "query")
                self._dimension = probe.shape[1]
            return self._dimension

    async def embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        dimension = await self.load()
        return await self._embed(texts, kind) if texts else np.empty((0, dimension), np.float32)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        batches = batches_of(texts, most=_MOST_TEXTS, most_bytes=_MOST_BYTES, longest=_LONGEST_BYTES)
        return await embed_remotely(batches, kind, self._call, self._dimension)

    async def _call(self, batch: list[str], _kind: EmbedKind) -> object:
        import openai

        assert self._client is not None
        try:
            response: Any = await self._client.embeddings.create(
                model=self._model, input=batch, encoding_format="base64"
            )
            return [_row(item.embedding) for item in sorted(response.data, key=lambda item: int(item.index))]
        except openai.OpenAIError as error:
            raise self._explain(error) from None
        except (AttributeError, TypeError, ValueError):
            raise EmbeddingError(self._not_embeddings) from None

    def _build(self) -> "openai.AsyncOpenAI":
        import openai

        return openai.AsyncOpenAI(
            api_key=self._api_key or _NO_KEY, base_url=self._base_url, timeout=self._timeout, max_retries=0
        )

    @property
    def _where(self) -> str:
        if self._base_url is None or self._client is None:
            return "OpenAI"
        return self._client.base_url.host

    @property
    def _not_embeddings(self) -> str:
        return f"{self._where} answered with something that is not embeddings. Check OPENAI_BASE_URL."

    def _explain(self, error: Exception) -> EmbeddingError:
        import openai

        if isinstance(error, openai.APIStatusError):
            return self._refusal(error.status_code, error.response.headers, str(error.code or ""))
        if isinstance(error, openai.APITimeoutError):
            return EmbeddingError(f"{self._where} took too long to embed texts. Try again.", transient=True)
        if isinstance(error, openai.APIConnectionError):
            check = "OPENAI_BASE_URL and that the server runs" if self._base_url else "the network"
            return EmbeddingError(f"{self._where} cannot be reached for embeddings. Check {check}.", transient=True)
        return EmbeddingError(self._not_embeddings)

    def _refusal(self, status: int, headers: Mapping[str, str], code: str) -> EmbeddingError:
        where, after = self._where, _retry_after(headers)
        if status == 401:
            return EmbeddingError(f"{where} rejected the API key for embeddings. Check OPENAI_API_KEY.")
        if status == 403:
            return EmbeddingError(
                f"{where} does not let this API key use “{self._model}”. Check OPENAI_API_KEY and the account's "
                "permissions."
            )
        if status == 404:
            return EmbeddingError(f"{where} does not know the search model “{self._model}”. Check SITECHAT_EMBEDDING.")
        if code == "insufficient_quota" or status == 402:
            return EmbeddingError(f"The account at {where} has no credit left. Check its plan and billing.")
        if status == 429:
            message = f"{where} limits the rate of embedding requests. Try again in a moment."
            return EmbeddingError(message, transient=True, retry_after=after)
        if status >= 500 or status in (408, 409, 425):
            message = f"{where} cannot embed texts now (status {status}). Try again in a moment."
            return EmbeddingError(message, transient=True, retry_after=after)
        return EmbeddingError(
            f"{where} rejected the texts for “{self._model}” (status {status}). Check SITECHAT_EMBEDDING."
        )


def _row(embedding: object) -> object:
    """Numbers, which some servers send as such though asked for base64 (a quarter of the size)."""
    return np.frombuffer(base64.b64decode(embedding), "<f4") if isinstance(embedding, str) else embedding


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from ``Retry-After`` in seconds or as an HTTP date."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
