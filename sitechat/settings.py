"""All settings in one frozen object, read from the environment and ``.env``.

SiteChat's own variables begin with ``SITECHAT_``; OpenAI's and AWS's keep the names their users know. A wrong value
becomes one :class:`~sitechat.errors.SettingsError` whose message names each variable, what it saw and what to set.
"""

import os
import re
from pathlib import Path
from typing import Literal, Self, cast

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, HttpUrl, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sitechat.errors import SettingsError

DEFAULT_EMBEDDING = "local/all-MiniLM-L6-v2"
_LLM_FORM = re.compile(r"^(extractive|scripted|[a-z]+/\S+)$")
_EMBEDDING_FORM = re.compile(r"^(local|openai|bedrock)/\S+$")
_EMAIL_FORM = re.compile(r"^[^\s@,<>]+@[^\s@,<>]+$")
_HOST_FORM = re.compile(r"^[A-Za-z0-9.:_\-\[\]]+$")
_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
_SECRET_WORDS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "WEBHOOK")
"""Of variables whose values are not shown; the address of a webhook often is a secret, too."""


class Settings(BaseSettings):
    """What an operator can choose. ``.env.example`` lists the same names, kept in step by a test."""

    model_config = SettingsConfigDict(
        env_prefix="SITECHAT_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
        populate_by_name=True,
    )

    data_dir: Path = Field(Path(".data"), description="Folder of the database, the indexes and the original files.")
    llm: str | None = Field(
        None,
        description="The language model: openai/<model>, bedrock/<model id> or extractive. "
        "Unset: OpenAI if its key is set, else Bedrock if AWS credentials and BEDROCK_MODEL are, else extractive.",
    )
    models: str = Field("", description="More language models to choose from on the page, separated by commas.")
    step_model: str | None = Field(
        None,
        description="The language model that judges on the way to an answer (rewriting, grading, verifying), such as a "
        "smaller one. Unset: the one that answers; none: no model judges.",
    )
    embedding: str = Field(
        DEFAULT_EMBEDDING,
        description="The search model: local/<sentence-transformers model>, openai/<model> or bedrock/<model id>.",
    )
    embedding_backend: Literal["torch", "openvino", "onnx"] = Field(
        "torch", description="What a local search model runs on where there is no GPU: torch, openvino or onnx."
    )
    sample: bool = Field(True, description="Keep a sample knowledge base: SiteChat's own documentation.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Detail of the log.")

    connect_timeout: float = Field(10, gt=0, description="Seconds to reach the language model.")
    first_token_timeout: float = Field(60, gt=0, description="Seconds until the first word of an answer.")
    silence_timeout: float = Field(30, gt=0, description="Seconds without a word in mid-answer.")
    max_answer_tokens: int = Field(16_384, ge=16, le=200_000, description="Length limit of an answer, in tokens.")
    llm_attempts: int = Field(3, ge=1, le=10, description="Tries before the first word of an answer.")

    passages: int = Field(8, ge=1, le=50, description="Passages given to the language model.")
    answer_cache_days: int = Field(
        30,
        ge=0,
        le=3650,
        description="Days for which an answer is given again, without a language model, to whoever asks the same while "
        "the passages behind it are as they were; 0: never.",
    )
    answer_cache_entries: int = Field(
        1000, ge=1, description="Answers kept to be given again, of each knowledge base; the oldest go first."
    )
    reranker: str = Field(
        "none",
        pattern=r"^(none|model|cross-encoder/\S+)$",
        description="What puts the passages found into a better order: none, cross-encoder/<sentence-transformers "
        "model or its folder>, or model: the language model that judges.",
    )
    ranking_rules: Path | None = Field(
        None, description="A TOML file that puts some of your pages before others, as examples/ranking.toml does."
    )
    exact_search_limit: int = Field(
        100_000, ge=0, description="Vectors up to which search is exact; above, HNSW is used."
    )
    max_file_mb: int = Field(100, ge=1, description="Largest file or page that is read, in MB.")
    extract_timeout: float = Field(300, gt=0, description="Seconds that reading one file may take in all.")
    extract_memory_mb: int = Field(2048, ge=256, description="Memory that reading one file may take, in MB.")
    ocr_languages: str = Field(
        "eng",
        pattern=r"^[A-Za-z0-9_]+([,+ ]+[A-Za-z0-9_]+)*$",
        description="Languages of scanned pages, by Tesseract's names and separated by commas, such as eng,deu.",
    )
    site_pause: float = Field(0.25, ge=0, description="Seconds between two requests to a website that is being read.")
    grace_days: int = Field(
        7,
        ge=0,
        le=3650,
        description="Days until a document that its source no longer has is removed; 0: as soon as that is sure.",
    )
    allow_networks: str = Field(
        "",
        description="Private networks that pages may be fetched from, as CIDRs separated by commas; none by default.",
    )
    s3_buckets: str = Field(
        "",
        description="S3 buckets, or bucket/prefix, that may be read into knowledge bases with this server's AWS "
        "credentials, separated by commas; none by default.",
    )

    notify_webhook: HttpUrl | None = Field(
        None,
        description="Address that is told, as JSON, when an ingestion has ended; one inside a private network needs "
        "SITECHAT_ALLOW_NETWORKS.",
    )
    notify_webhook_secret: SecretStr | None = Field(
        None, description="Signs what is sent to the webhook: its HMAC-SHA256 stands in the header SiteChat-Signature."
    )
    notify_email_to: str = Field(
        "", description="E-mail addresses that are told when an ingestion has ended, separated by commas."
    )
    notify_email_from: str | None = Field(
        None, description="Sender of these e-mails. Unset: the first of the recipients."
    )
    notify_smtp_host: str | None = Field(None, description="Mail server that sends these e-mails.")
    notify_smtp_port: int = Field(587, ge=1, le=65_535, description="Port of the mail server.")
    notify_smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the mail server is talked to; none sends a password in the clear."
    )
    notify_smtp_username: str | None = Field(None, description="User name at the mail server, if it wants one.")
    notify_smtp_password: SecretStr | None = Field(None, description="Password at the mail server.")
    secret_key: SecretStr | None = Field(
        None,
        description="Keys that encrypt the logins of sites, the newest first, separated by commas; each is 32 bytes in "
        "URL-safe Base64. Unset: a key of its own, secret.key in the data directory.",
    )
    render_javascript: bool = Field(
        False, description="Run the scripts of pages that are empty without them, in a browser (the extra `render`)."
    )

    openai_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("OPENAI_API_KEY"),
        description="Key of OpenAI or a compatible server.",
    )
    openai_base_url: HttpUrl | None = Field(
        None,
        validation_alias=AliasChoices("OPENAI_BASE_URL"),
        description="Address of an OpenAI-compatible server (Ollama, vLLM, llama.cpp, a gateway).",
    )
    aws_region: str | None = Field(
        None,
        validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"),
        description="Region of Amazon Bedrock and S3.",
    )
    aws_profile: str | None = Field(
        None,
        validation_alias=AliasChoices("AWS_PROFILE"),
        description="Profile in the AWS configuration files.",
    )
    bedrock_model: str | None = Field(
        None,
        validation_alias=AliasChoices("BEDROCK_MODEL", "SITECHAT_BEDROCK_MODEL"),
        description="Bedrock model that is used when AWS credentials are there and SITECHAT_LLM is unset.",
    )
    bedrock_endpoint_url: HttpUrl | None = Field(
        None,
        validation_alias=AliasChoices("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        description="Another address for Bedrock's runtime, such as a VPC endpoint.",
    )

    @field_validator("llm")
    @classmethod
    def _llm_form(cls, value: str | None) -> str | None:
        if value is not None and not _LLM_FORM.match(value):
            raise ValueError("use openai/<model>, bedrock/<model id> or extractive")
        return value

    @field_validator("embedding")
    @classmethod
    def _embedding_form(cls, value: str) -> str:
        if not _EMBEDDING_FORM.match(value):
            raise ValueError("use local/<model>, openai/<model> or bedrock/<model id>")
        return value

    @field_validator("notify_email_to", "notify_email_from")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        for address in (value or "").split(","):
            if address.strip() and not _EMAIL_FORM.match(address.strip()):
                raise ValueError(f"“{address.strip()}” is no e-mail address")
        return value

    @field_validator("notify_smtp_host")
    @classmethod
    def _host(cls, value: str | None) -> str | None:
        if value is not None and not _HOST_FORM.match(value):
            raise ValueError("use the bare name or address of the server, such as smtp.example.org")
        return value

    @model_validator(mode="after")
    def _mail_server(self) -> Self:
        if self.notify_email_to.strip() and not self.notify_smtp_host:
            raise SettingsError(
                "Some settings need attention:\n  SITECHAT_NOTIFY_EMAIL_TO is set, so SITECHAT_NOTIFY_SMTP_HOST must "
                "name the mail server."
            )
        return self

    @field_validator("secret_key")
    @classmethod
    def _secret_key_form(cls, value: SecretStr | None) -> SecretStr | None:
        keys = value.get_secret_value().split(",") if value is not None else []
        if not all(_FERNET_KEY.fullmatch(key.strip()) for key in keys):
            raise ValueError("make a key with `openssl rand -base64 32 | tr '+/' '-_'`")
        return value


def load_settings() -> Settings:
    """Read the environment and ``.env``. Raises :class:`SettingsError` that lists everything wrong at once.

    Credentials in ``.env`` that others read from the environment (AWS's, and the keys of gateways) are put there.
    """
    file = Settings.model_config.get("env_file")
    for name, value in dotenv_values(cast("str | None", file), encoding="utf-8").items():
        if value and (name.startswith("AWS_") or name.endswith("_API_KEY")):
            os.environ.setdefault(name, value)
    try:
        return Settings()
    except ValidationError as error:
        lines = [_explain(str(item["loc"][0]), item["input"], item["msg"]) for item in error.errors()]
        raise SettingsError("Some settings need attention:\n" + "\n".join(lines)) from None


def variable_name(field: str) -> str:
    """The environment variable that sets ``field``, the first of its names."""
    alias = Settings.model_fields[field].validation_alias if field in Settings.model_fields else field
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return str(alias) if alias else f"SITECHAT_{field.upper()}"


def mask(name: str, value: object) -> str:
    """``value`` as it may be shown: of a secret, the last four characters at most."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if not any(word in name.upper() for word in _SECRET_WORDS) or isinstance(value, int | float):
        return text
    return f"ends in …{text[-4:]}" if len(text) >= 12 else "set, not shown"


def _explain(location: str, seen: object, message: str) -> str:
    field = location if location in Settings.model_fields else _field_of(location)
    name = variable_name(field)
    about = Settings.model_fields[field].description if field in Settings.model_fields else ""
    problem = message.removeprefix("Value error, ")
    return f"  {name}: saw {mask(name, seen)!r}; {problem}. {about}"


def _field_of(alias: str) -> str:
    for field, info in Settings.model_fields.items():
        choices = info.validation_alias
        if isinstance(choices, AliasChoices) and alias in choices.choices:
            return field
    return alias.lower().removeprefix("sitechat_")
