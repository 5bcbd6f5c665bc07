"""Embeddings of Amazon Bedrock (Titan and Cohere): the one file of this package that knows ``boto3``.

boto3 blocks, so a few threads of its own carry the calls.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from vectorstore.base import EmbeddingError, EmbedKind, Vectors
from vectorstore.embeddings.remote import batches_of, embed_remotely

_THREADS = 4
_TRANSIENT = {
    "ThrottlingException", "TooManyRequestsException", "ModelNotReadyException", "ModelTimeoutException",
    "InternalServerException", "ServiceUnavailableException", "ModelErrorException",
}  # fmt: skip
_CREDENTIALS = {
    "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "InvalidClientTokenId",
    "IncompleteSignature", "MissingAuthenticationToken",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """How one vendor's models on Bedrock are asked. ``longest``: bytes of one text."""

    texts_per_call: int
    longest: int
    body: Callable[[list[str], EmbedKind], dict[str, Any]]
    rows: Callable[[dict[str, Any]], object]


def _titan_body(texts: list[str], _kind: EmbedKind) -> dict[str, Any]:
    return {"inputText": texts[0]}


def _cohere_body(cut: str) -> Callable[[list[str], EmbedKind], dict[str, Any]]:
    def body(texts: list[str], kind: EmbedKind) -> dict[str, Any]:
        input_type = "search_query" if kind == "query" else "search_document"
        return {"texts": texts, "input_type": input_type, "truncate": cut}

    return body


def _cohere_rows(answer: dict[str, Any]) -> object:
    rows = answer["embeddings"]
    return rows["float"] if isinstance(rows, dict) else rows


_FAMILIES = {
    "titan-embed": Family(1, 24_000, _titan_body, lambda answer: [answer["embedding"]]),
    "cohere.embed-v4": Family(96, 24_000, _cohere_body("RIGHT"), _cohere_rows),
    "cohere.embed": Family(96, 2_048, _cohere_body("END"), _cohere_rows),
}
"""By a part of the model id, which may be an inference profile's; the first that fits."""


class BedrockEmbedder:
    """An :class:`~vectorstore.base.Embedder`. Raises :class:`EmbeddingError` for a model of no known family."""

    def __init__(
        self, model: str, *, region: str | None, profile: str | None, endpoint_url: str | None, timeout: float
    ) -> None:
        family = next((family for part, family in _FAMILIES.items() if part in model), None)
        if family is None:
            raise EmbeddingError(
                f"“{model}” is not an embedding model of Bedrock known here. Set SITECHAT_EMBEDDING to "
                "bedrock/amazon.titan-embed-text-v2:0 or bedrock/cohere.embed-multilingual-v3."
            )
        self._model = model
        self._family = family
        self._region = region
        self._profile = profile
        self._endpoint_url = endpoint_url
        self._timeout = timeout
        self._client: Any = None
        self._dimension: int | None = None
        self._loading = asyncio.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bedrock-embed")

    @property
    def spec(self) -> str:
        return f"bedrock/{self._model}"

    @property
    def ready(self) -> bool:
        return self._dimension is not None

    async def load(self) -> int:
        async with self._loading:
            if self._dimension is None:
                self._client = self._client or await self._in_thread(self._build)
                probe = await self._embed(["dimension"], "query")
                self._dimension = probe.shape[1]
            return self._dimension

    async def embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        dimension = await self.load()
        return await self._embed(texts, kind) if texts else np.empty((0, dimension), np.float32)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def _embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        family = self._family
        batches = batches_of(
            texts, most=family.texts_per_call, most_bytes=family.texts_per_call * family.longest, longest=family.longest
        )
        return await embed_remotely(batches, kind, self._call, self._dimension)

    async def _call(self, batch: list[str], kind: EmbedKind) -> object:
        body = json.dumps(self._family.body(batch, kind))
        answer = await self._in_thread(lambda: self._invoke(body))
        try:
            return self._family.rows(answer)
        except (KeyError, TypeError):
            raise EmbeddingError(f"Bedrock answered without vectors for “{self._model}”.") from None

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def _build(self) -> Any:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            connect_timeout=min(10.0, self._timeout),
            read_timeout=self._timeout,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=_THREADS,
        )
        try:
            session = boto3.Session(profile_name=self._profile, region_name=self._region)
            return session.client("bedrock-runtime", endpoint_url=self._endpoint_url, config=config)
        except (BotoCoreError, ValueError) as error:
            raise self._explain(error) from None

    def _invoke(self, body: str) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            response = self._client.invoke_model(
                modelId=self._model, body=body, contentType="application/json", accept="application/json"
            )
            return json.loads(response["body"].read())
        except (BotoCoreError, ClientError) as error:
            raise self._explain(error) from None
        except ValueError:
            raise EmbeddingError(f"Bedrock answered with something that is not JSON for “{self._model}”.") from None

    def _explain(self, error: Exception) -> EmbeddingError:
        from botocore import exceptions as aws

        if isinstance(error, aws.ClientError):
            return self._refusal(error.response)
        if isinstance(error, aws.NoRegionError):
            return EmbeddingError("Bedrock needs a region. Set AWS_REGION, for example to us-east-1.")
        if isinstance(error, aws.ProfileNotFound):
            return EmbeddingError(f"There is no AWS profile “{self._profile}”. Check AWS_PROFILE.")
        if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError):
            return EmbeddingError(
                "Bedrock needs AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
            )
        if isinstance(error, aws.ReadTimeoutError | aws.ConnectTimeoutError):
            return EmbeddingError("Bedrock took too long to embed texts. Try again.", transient=True)
        if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
            return EmbeddingError(
                "Bedrock cannot be reached. Check the network, AWS_REGION and AWS_ENDPOINT_URL_BEDROCK_RUNTIME.",
                transient=True,
            )
        return EmbeddingError(f"Bedrock cannot be asked ({type(error).__name__}). Check the AWS settings.")

    def _refusal(self, response: Any) -> EmbeddingError:
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _CREDENTIALS:
            return EmbeddingError("AWS rejected the credentials. Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
        if code == "AccessDeniedException" or status == 403:
            return EmbeddingError(
                f"AWS does not let these credentials use “{self._model}”. Ask for access to it in the Bedrock console, "
                "or check SITECHAT_EMBEDDING."
            )
        if code == "ResourceNotFoundException" or status == 404:
            return EmbeddingError(
                f"Bedrock does not know “{self._model}” in this region. Check SITECHAT_EMBEDDING and AWS_REGION."
            )
        if code in _TRANSIENT or status == 429 or status >= 500:
            return EmbeddingError(
                f"Bedrock cannot embed texts now ({code or status}). Try again in a moment.", transient=True
            )
        return EmbeddingError(
            f"Bedrock rejected the texts for “{self._model}” ({code or status}). Check SITECHAT_EMBEDDING."
        )
