"""One string names a provider; what is missing is named with the variable that mends it."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from providers.base import Provider
from providers.errors import AuthenticationFailed, InvalidRequest, ModelNotFound
from providers.factory import (
    DEFAULT_OPENAI_MODEL,
    GATEWAYS,
    ProviderOptions,
    aws_credentials_present,
    create,
    default_spec,
)
from providers.guard import Limits
from tests.providers.collect import KEY, listen
from tests.servers.openai_wire import OpenAIWire

WITH_KEY = ProviderOptions(openai_api_key=KEY)


@pytest.mark.parametrize(
    ("spec", "name", "model"),
    [
        ("openai/gpt-5.4-mini", "openai", "gpt-5.4-mini"),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock",
         "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("extractive", "extractive", "quotes"),
        ("scripted", "scripted", "script"),
        ("ollama/qwen3:8b", "ollama", "qwen3:8b"),
    ],
)  # fmt: skip
def test_specs(spec: str, name: str, model: str) -> None:
    """Vendor and model are what the answer's metadata will say."""
    provider = create(spec, WITH_KEY)
    assert isinstance(provider, Provider)
    assert (provider.name, provider.model) == (name, model)


@pytest.mark.parametrize("row", GATEWAYS)
def test_every_gateway_row_makes_a_provider(row: str) -> None:
    """Its address is one, and its key is looked up under its own variable."""
    gateway = GATEWAYS[row]
    parts = urlsplit(gateway.base_url)
    assert parts.scheme == ("http" if gateway.key_variable is None else "https")
    assert not gateway.base_url.endswith("/")
    environment = {gateway.key_variable: KEY} if gateway.key_variable else {}
    provider = create(f"{row}/vendor/model", ProviderOptions(environment=environment))
    assert (provider.name, provider.model) == (row, "vendor/model")
    if gateway.key_variable:
        with pytest.raises(AuthenticationFailed, match=gateway.key_variable):
            create(f"{row}/model", ProviderOptions(environment={}))


@pytest.mark.parametrize("spec", ["", "openai", "openai/", "acme/model", "gpt-4o"])
def test_a_spec_that_names_nothing_lists_what_would(spec: str) -> None:
    """The reader can choose."""
    with pytest.raises(ModelNotFound, match="openai/<model>"):
        create(spec, WITH_KEY)


def test_openai_needs_a_key_and_says_which_variable() -> None:
    """Before the first request, not after it."""
    with pytest.raises(AuthenticationFailed, match="OPENAI_API_KEY"):
        create("openai/gpt-5.4-mini", ProviderOptions())
    with pytest.raises(AuthenticationFailed, match="characters that no key has"):
        create("openai/gpt-5.4-mini", ProviderOptions(openai_api_key="sk-…copied with dots"))


async def test_a_local_server_needs_none() -> None:
    """A placeholder is sent; a server that wants a key is told apart from one that rejects it."""
    with OpenAIWire() as wire:
        options = ProviderOptions(openai_base_url=wire.url, limits=Limits(attempts=1))
        provider = create("openai/wire", options)
        assert (await listen(provider)).finish == "stop"
        strict = create("openai/wire-e401", options)
        error = (await listen(strict)).error
        assert isinstance(error, AuthenticationFailed)
        assert "asks for an API key. Set `OPENAI_API_KEY`" in error.message
        await provider.close()
        await strict.close()


async def test_a_script_file_drives_a_running_process(tmp_path: Path) -> None:
    """``scripted/<path>`` for walks in the browser."""
    path = tmp_path / "s.json"
    path.write_text('[{"text": "Hi"}]')
    assert (await listen(create(f"scripted/{path}", WITH_KEY))).text == "Hi"
    with pytest.raises(InvalidRequest, match=r"missing\.json"):
        create(f"scripted/{tmp_path}/missing.json", WITH_KEY)


def test_the_default_follows_what_is_there() -> None:
    """A key, else credentials and a model, else neither; AWS is asked only when a model is named."""
    bare = ProviderOptions()
    assert default_spec(WITH_KEY, "m", lambda: True) == f"openai/{DEFAULT_OPENAI_MODEL}"
    assert default_spec(bare, "m", lambda: True) == "bedrock/m"
    assert default_spec(bare, "m", lambda: False) == "extractive"
    assert default_spec(bare, None, lambda: pytest.fail("asked for nothing")) == "extractive"


def test_aws_credentials_are_found_where_boto3_finds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment here; a profile that is not there is no credentials."""
    assert not aws_credentials_present()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert aws_credentials_present()
    assert not aws_credentials_present("no-such-profile")


def test_options_do_not_print_the_key() -> None:
    """They may end up in a log."""
    assert KEY not in repr(ProviderOptions(openai_api_key=KEY, environment={"GROQ_API_KEY": KEY}))


def test_the_vendors_packages_are_not_imported_before_they_are_needed() -> None:
    """They take seconds; the first page must not wait for them."""
    code = (
        "import sys; from providers.factory import *; o = ProviderOptions(openai_api_key='sk-123456789012');"
        "[create(s, o) for s in ('openai/m', 'bedrock/m', 'extractive', 'scripted')];"
        "print([n for n in ('openai', 'boto3', 'botocore', 'httpx2', 'pydantic') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
