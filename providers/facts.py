"""What is known of models by name: context and output limits in tokens.

Rows are looked through in order and the first whose text occurs in the model's name wins, so a special case stands
before its family. A model that is not listed gets :data:`UNKNOWN`; where a server states the size of its context
itself, that is believed instead.
"""

from dataclasses import dataclass

from providers.base import Capabilities


@dataclass(frozen=True, slots=True)
class Facts:
    """``reasons``: the model thinks before it writes, and its thoughts count as output."""

    context_tokens: int
    max_output_tokens: int
    reasons: bool = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(self.context_tokens, self.max_output_tokens)


UNKNOWN = Facts(32_768, 16_384)

_OPENAI = (
    ("gpt-5-chat", Facts(128_000, 16_384)),
    ("-chat-latest", Facts(128_000, 16_384)),
    ("gpt-5.4-mini", Facts(400_000, 128_000, reasons=True)),
    ("gpt-5.4-nano", Facts(400_000, 128_000, reasons=True)),
    ("gpt-5.4", Facts(1_050_000, 128_000, reasons=True)),
    ("gpt-5.5", Facts(1_050_000, 128_000, reasons=True)),
    ("gpt-5.6", Facts(1_050_000, 128_000, reasons=True)),
    ("gpt-5", Facts(400_000, 128_000, reasons=True)),
    ("gpt-oss", Facts(131_072, 32_768)),
    ("gpt-4.1", Facts(1_047_576, 32_768)),
    ("gpt-4o", Facts(128_000, 16_384)),
    ("gpt-4-turbo", Facts(128_000, 4_096)),
    ("gpt-4", Facts(8_192, 4_096)),
    ("gpt-3.5-turbo", Facts(16_385, 4_096)),
    ("o1", Facts(200_000, 100_000, reasons=True)),
    ("o3", Facts(200_000, 100_000, reasons=True)),
    ("o4-mini", Facts(200_000, 100_000, reasons=True)),
)

_BEDROCK = (
    ("claude-3-haiku", Facts(200_000, 4_096)),
    ("claude-3-sonnet", Facts(200_000, 4_096)),
    ("claude-3-opus", Facts(200_000, 4_096)),
    ("claude-3-5", Facts(200_000, 8_192)),
    ("claude-opus-4-1", Facts(200_000, 32_000)),
    ("claude-opus-4-2025", Facts(200_000, 32_000)),
    ("claude", Facts(200_000, 64_000)),
    ("nova-2-lite", Facts(1_000_000, 64_000)),
    ("nova-premier", Facts(1_000_000, 10_000)),
    ("nova-micro", Facts(128_000, 10_000)),
    ("nova", Facts(300_000, 10_000)),
    ("llama3-8b", Facts(8_192, 2_048)),
    ("llama3-70b", Facts(8_192, 2_048)),
    ("llama", Facts(128_000, 8_192)),
    ("mistral-7b", Facts(32_000, 8_192)),
    ("mixtral", Facts(32_000, 4_096)),
    ("mistral", Facts(128_000, 8_192)),
    ("command-r", Facts(128_000, 4_000)),
    ("gpt-oss", Facts(128_000, 16_384)),
    ("deepseek", Facts(128_000, 32_768)),
    ("qwen3", Facts(128_000, 16_384)),
)
_BEDROCK_UNKNOWN = Facts(32_000, 4_096)


def openai_facts(model: str) -> Facts:
    """Facts about a model of OpenAI, or :data:`UNKNOWN`. A gateway's ``vendor/model`` is read by its last part."""
    name = model.rpartition("/")[2]
    return next((facts for start, facts in _OPENAI if name.startswith(start) or start in name[3:]), UNKNOWN)


def bedrock_facts(model: str) -> Facts:
    """Facts about a Bedrock model id, inference profile or ARN; modest ones when it is not listed."""
    return next((facts for part, facts in _BEDROCK if part in model), _BEDROCK_UNKNOWN)
