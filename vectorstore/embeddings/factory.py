"""From ``<vendor>/<model>`` to an embedder: where a newcomer registers a vendor."""

from collections.abc import Callable
from dataclasses import dataclass, field

from vectorstore.base import Embedder, EmbeddingError
from vectorstore.embeddings.backends import Backend


@dataclass(frozen=True, slots=True)
class EmbeddingOptions:
    """Whatever the vendors need, in one value; ``None`` where the vendor's own way of finding it holds."""

    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str | None = None
    aws_region: str | None = None
    aws_profile: str | None = None
    bedrock_endpoint_url: str | None = None
    local_backend: Backend = "torch"
    timeout: float = 60.0


def create_embedder(spec: str, options: EmbeddingOptions | None = None) -> Embedder:
    """``local/…``, ``openai/…`` or ``bedrock/…``; loads nothing yet. Raises :class:`EmbeddingError`."""
    vendor, _, model = spec.partition("/")
    make = _VENDORS.get(vendor)
    if make is None or not model:
        raise EmbeddingError(
            f"“{spec}” names no search model. Set SITECHAT_EMBEDDING to local/<model>, openai/<model> or "
            "bedrock/<model id>."
        )
    return make(model, options or EmbeddingOptions())


def _local(model: str, options: EmbeddingOptions) -> Embedder:
    from vectorstore.embeddings.local import LocalEmbedder

    return LocalEmbedder(model, backend=options.local_backend)


def _openai(model: str, options: EmbeddingOptions) -> Embedder:
    from vectorstore.embeddings.openai import OpenAIEmbedder

    return OpenAIEmbedder(
        model, api_key=options.openai_api_key, base_url=options.openai_base_url, timeout=options.timeout
    )


def _bedrock(model: str, options: EmbeddingOptions) -> Embedder:
    from vectorstore.embeddings.bedrock import BedrockEmbedder

    return BedrockEmbedder(
        model,
        region=options.aws_region,
        profile=options.aws_profile,
        endpoint_url=options.bedrock_endpoint_url,
        timeout=options.timeout,
    )


_VENDORS: dict[str, Callable[[str, EmbeddingOptions], Embedder]] = {
    "local": _local,
    "openai": _openai,
    "bedrock": _bedrock,
}
