"""Logging: one line an event on standard error, and no secret in any of them."""

import logging
import os
import sys
from collections.abc import Iterable

from sitechat.settings import Settings

_OURS = ("sitechat", "providers", "vectorstore")
_SECRET_VARIABLES = ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK")


class _Masking(logging.Formatter):
    """Formats as usual, tracebacks included, and then masks the secrets it was told."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = [secret for secret in secrets if len(secret) >= 4]

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        return text


def configure(settings: Settings) -> None:
    """Send our loggers to standard error at the level of the settings; calling it again changes the level."""
    secrets = [os.environ.get(name, "") for name in _SECRET_VARIABLES]
    if settings.openai_api_key is not None:
        secrets.append(settings.openai_api_key.get_secret_value())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masking(secrets))
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(settings.log_level)
