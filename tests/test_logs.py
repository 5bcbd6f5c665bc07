"""The log never holds a secret, not even inside a traceback."""

import logging

import pytest

from sitechat.logs import configure
from sitechat.settings import load_settings


def test_a_key_is_masked_in_messages_and_tracebacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-value")
    configure(load_settings())
    log = logging.getLogger("sitechat.test")
    log.info("using %s", "sk-very-secret-value")
    try:
        raise ValueError("rejected: sk-very-secret-value")
    except ValueError:
        log.exception("failed")
    printed = capsys.readouterr().err
    assert "sk-very-secret-value" not in printed
    assert printed.count("•••") >= 2
    assert "ValueError: rejected" in printed
