"""Settings are read as their users expect, and what is wrong is said at once, by name, with secrets masked."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from sitechat.errors import SettingsError
from sitechat.settings import load_settings, mask


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_everything_wrong_is_listed_at_once_with_variable_value_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITECHAT_LLM", "gpt-5")
    monkeypatch.setenv("SITECHAT_PASSAGES", "many")
    monkeypatch.setenv("OPENAI_BASE_URL", "not a url")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    lines = refused.value.message.splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == ["SITECHAT_LLM", "SITECHAT_PASSAGES", "OPENAI_BASE_URL"]
    assert "'gpt-5'" in lines[0]
    assert "openai/<model>" in lines[0]


def test_names_of_openai_and_aws_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abc")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9100/v1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    settings = load_settings()
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-abc"
    assert str(settings.openai_base_url) == "http://127.0.0.1:9100/v1"
    assert settings.aws_region == "eu-central-1"
    assert "sk-abc" not in repr(settings)


def test_the_dotenv_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("SITECHAT_LLM=extractive\nSITECHAT_PASSAGES=5\nOPENAI_API_KEY=\n")
    monkeypatch.setenv("SITECHAT_PASSAGES", "6")
    settings = load_settings()
    assert (settings.llm, settings.passages, settings.openai_api_key) == ("extractive", 6, None)


def test_credentials_in_the_dotenv_file_reach_those_who_read_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("AWS_ACCESS_KEY_ID=from-file\nGROQ_API_KEY=from-file\nPATH=from-file\n")
    monkeypatch.setenv("GROQ_API_KEY", "from-environment")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    load_settings()
    assert os.environ["AWS_ACCESS_KEY_ID"] == "from-file"
    assert os.environ["GROQ_API_KEY"] == "from-environment"
    assert os.environ["PATH"] != "from-file"


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        load_settings().passages = 3  # type: ignore[misc]


def test_secrets_are_shown_by_their_last_four_characters_at_most() -> None:
    assert mask("OPENAI_API_KEY", "sk-abcdefgh1234") == "ends in …1234"
    assert mask("OPENAI_API_KEY", "short") == "set, not shown"
    assert mask("SITECHAT_LLM", "extractive") == "extractive"


def test_a_secret_key_that_is_none_is_said_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    good = "A" * 42 + "8="
    monkeypatch.setenv("SITECHAT_SECRET_KEY", f"{good}, {good}")
    assert load_settings().secret_key is not None
    monkeypatch.setenv("SITECHAT_SECRET_KEY", "not-a-key-of-mine")
    with pytest.raises(SettingsError, match="openssl rand") as refused:
        load_settings()
    assert "not-a-key-of" not in refused.value.message


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SITECHAT_NOTIFY_EMAIL_TO": "ann@example.org"}, "SITECHAT_NOTIFY_SMTP_HOST"),
        ({"SITECHAT_NOTIFY_EMAIL_TO": "ann", "SITECHAT_NOTIFY_SMTP_HOST": "mail"}, "SITECHAT_NOTIFY_EMAIL_TO"),
        ({"SITECHAT_NOTIFY_SMTP_HOST": "smtp://mail"}, "SITECHAT_NOTIFY_SMTP_HOST"),
        ({"SITECHAT_NOTIFY_WEBHOOK": "ftp://example.org/secret-path-x9Kd"}, "SITECHAT_NOTIFY_WEBHOOK"),
    ],
)
def test_what_is_told_to_whom_is_checked_at_the_start(
    variables: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as wrong:
        load_settings()
    assert named in wrong.value.message
    assert "secret-path" not in wrong.value.message
