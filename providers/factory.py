"""Makes a provider from one string: ``openai/<model>``, ``bedrock/<model id>``, ``extractive``, ``scripted``, or
``<gateway>/<model>`` for a row of :data:`GATEWAYS`. Adding a gateway that speaks OpenAI's wire is adding a row.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from providers.base import Provider
from providers.bedrock import BedrockAccess, BedrockProvider, credentials_present
from providers.errors import AuthenticationFailed, InvalidRequest, ModelNotFound
from providers.extractive import Extractive, Similarity
from providers.guard import Guarded, Limits
from providers.http_errors import Endpoint
from providers.openai import OPENAI_URL, OpenAIProvider
from providers.scripted import Scripted, load

DEFAULT_OPENAI_MODEL = "gpt-5.4-mini"
_READ_MARGIN = 30.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """A service that speaks OpenAI's wire. ``key_variable`` is None where no key is needed."""

    label: str
    base_url: str
    key_variable: str | None


GATEWAYS: Mapping[str, Gateway] = {
    "cerebras": Gateway("Cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "deepseek": Gateway("DeepSeek", "https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "fireworks": Gateway("Fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "gemini": Gateway("Gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "groq": Gateway("Groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "llamacpp": Gateway("llama.cpp", "http://localhost:8080/v1", None),
    "lmstudio": Gateway("LM Studio", "http://localhost:1234/v1", None),
    "mistral": Gateway("Mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "ollama": Gateway("Ollama", "http://localhost:11434/v1", None),
    "openrouter": Gateway("OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": Gateway("Together AI", "https://api.together.ai/v1", "TOGETHER_API_KEY"),
    "vllm": Gateway("vLLM", "http://localhost:8000/v1", None),
    "xai": Gateway("xAI", "https://api.x.ai/v1", "XAI_API_KEY"),
}


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """What the settings say about language models. ``environment`` is where the gateways' keys are looked up."""

    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str | None = None
    aws_region: str | None = None
    aws_profile: str | None = None
    bedrock_endpoint_url: str | None = None
    context_tokens: int | None = None
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


def create(spec: str, options: ProviderOptions, *, similarity: Similarity | None = None) -> Provider:
    """The provider that ``spec`` names, guarded. ``similarity`` serves the extractive one.

    Raises :class:`~providers.errors.AuthenticationFailed` when its key is missing and
    :class:`~providers.errors.ModelNotFound` when ``spec`` names nothing.
    """
    return Guarded(_bare(spec, options, similarity), options.limits)


def default_spec(options: ProviderOptions, bedrock_model: str | None, has_aws_credentials: Callable[[], bool]) -> str:
    """What serves when nothing was chosen: OpenAI with a key, Bedrock with credentials and a model, else quotes."""
    if options.openai_api_key:
        return f"openai/{DEFAULT_OPENAI_MODEL}"
    if bedrock_model and has_aws_credentials():
        return f"bedrock/{bedrock_model}"
    return "extractive"


def aws_credentials_present(profile: str | None = None) -> bool:
    """Whether AWS credentials are found; blocks for up to some seconds."""
    return credentials_present(profile)


def _bare(spec: str, options: ProviderOptions, similarity: Similarity | None) -> Provider:
    kind, _, model = spec.partition("/")
    if spec == "extractive":
        return Extractive(similarity)
    if kind == "scripted":
        return _scripted(model)
    if model and kind == "openai":
        return _openai(model, options)
    if model and kind == "bedrock":
        return _bedrock(model, options)
    if model and kind in GATEWAYS:
        return _gateway(kind, model, options)
    names = ", ".join(f"{name}/<model>" for name in ("openai", "bedrock", *GATEWAYS))
    raise ModelNotFound(f"“{spec}” names no language model. Use extractive or one of {names}.")


def _openai(model: str, options: ProviderOptions) -> Provider:
    url = options.openai_base_url or OPENAI_URL
    host = urlsplit(url).hostname or url
    at_openai = host == "openai.com" or host.endswith(".openai.com")
    key = (options.openai_api_key or "").strip() or None
    if key is None and at_openai:
        raise AuthenticationFailed(
            "OpenAI needs an API key. Set `OPENAI_API_KEY`, or `OPENAI_BASE_URL` for a server that needs none."
        )
    label = "OpenAI" if at_openai else urlsplit(url).netloc.rpartition("@")[2]
    return _compatible(model, Endpoint(label, url, key, "OPENAI_API_KEY", "OPENAI_BASE_URL"), "openai", options)


def _gateway(name: str, model: str, options: ProviderOptions) -> Provider:
    row = GATEWAYS[name]
    key = options.environment.get(row.key_variable, "").strip() or None if row.key_variable else None
    if row.key_variable and key is None:
        raise AuthenticationFailed(f"{row.label} needs an API key. Set `{row.key_variable}`, then retry.")
    return _compatible(
        model, Endpoint(row.label, row.base_url, key, row.key_variable or "OPENAI_API_KEY"), name, options
    )


def _compatible(model: str, endpoint: Endpoint, name: str, options: ProviderOptions) -> Provider:
    return OpenAIProvider(
        model,
        endpoint,
        name=name,
        connect_timeout=options.limits.connect,
        context_tokens=options.context_tokens,
    )


def _bedrock(model: str, options: ProviderOptions) -> Provider:
    limits = options.limits
    access = BedrockAccess(
        region=options.aws_region,
        profile=options.aws_profile,
        endpoint_url=options.bedrock_endpoint_url,
        connect_timeout=limits.connect,
        read_timeout=max(limits.first_token, limits.silence) + _READ_MARGIN,
    )
    return BedrockProvider(model, access, context_tokens=options.context_tokens)


def _scripted(path: str) -> Provider:
    if not path:
        return Scripted()
    try:
        return Scripted(*load(Path(path)), model=Path(path).name)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
