"""Answers in a real browser: they outlive reloads and tabs, stop when told, and fail with one plain sentence."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chat_page import ChatPage
from tests.conftest import MakePage
from tests.servers.bedrock_wire import BedrockWire
from tests.servers.behaviour import MARKDOWN
from tests.servers.openai_wire import OpenAIWire
from tests.support.app import AppServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

KEY = "sk-loopback-secret-9Zk3"
FAILURES = {
    "wire-e401": "rejected the API key (ends in …9Zk3)",
    "wire-e429-ra1": "is busy",
    "wire-e500": "cannot answer now",
    "wire-w9000": "did not begin to answer",
    "wire-m5": "this answer is incomplete",
    "wire-c5": "this answer is incomplete",
    "wire-h5": "fell silent",
    "wire-b5": "this answer is incomplete",
    "wire-x5": "this answer is incomplete",
}
SLOW = "wire-r25-n150"
LONG = "wire-md-r400-n8000"


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIWire]:
    with OpenAIWire() as server:
        yield server


@pytest.fixture(scope="module")
def app(model: OpenAIWire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    environment = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": model.url,
        "SITECHAT_LLM": f"openai/{SLOW}",
        "SITECHAT_MODELS": ",".join(f"openai/{name}" for name in [*FAILURES, LONG, "wire-n200000"]),
        "SITECHAT_FIRST_TOKEN_TIMEOUT": "4",
        "SITECHAT_SILENCE_TIMEOUT": "3",
        "SITECHAT_MAX_ANSWER_TOKENS": "8500",
    }
    server = AppServer(tmp_path_factory.mktemp("turns") / "data", environment).start()
    server.wait_until_ready()
    yield server
    server.stop()


@pytest.fixture
def chat(app: AppServer, new_page: MakePage) -> ChatPage:
    return ChatPage(new_page(viewport={"width": 1280, "height": 900}), app.url).open()


def test_a_reload_and_a_second_tab_continue_the_same_answer_of_one_request(
    model: OpenAIWire, app: AppServer, chat: ChatPage
) -> None:
    before = len(model.requests)
    chat.ask("hello")
    chat.see("FIRST")
    chat.page.reload()
    chat.see("FIRST")
    second = ChatPage(chat.page.context.new_page(), app.url).open(chat.conversation)
    second.see("FIRST")
    for tab in (chat, second):
        tab.see("Answered in")
    assert [(r.end, r.sent) for r in model.requests[before:]] == [("done", 150)]
    assert chat.text().count("FIRST") == second.text().count("FIRST")


def test_stop_closes_the_provider_s_connection_and_keeps_the_partial_text(model: OpenAIWire, chat: ChatPage) -> None:
    chat.ask("hello")
    chat.see("FIRST")
    chat.stop()
    model.wait_for_end("client-left", timeout=15)
    assert model.requests[-1].sent < 150
    chat.page.get_by_role("button", name="Stop").wait_for(state="detached")
    chat.page.reload()
    chat.see("FIRST")
    chat.see("Stopped")


def test_a_closed_tab_lets_the_answer_finish_and_it_is_there_on_return(
    model: OpenAIWire, app: AppServer, chat: ChatPage
) -> None:
    chat.ask("hello")
    chat.see("FIRST")
    address, context = chat.conversation, chat.page.context
    chat.page.close()
    model.wait_for_end("done", timeout=60)
    ChatPage(context.new_page(), app.url).open(address).see("Answered in")


@pytest.mark.parametrize(("name", "sentence"), FAILURES.items())
def test_each_failure_is_one_sentence_with_the_question_kept_and_nothing_leaked(
    app: AppServer, chat: ChatPage, name: str, sentence: str
) -> None:
    chat.choose_model(name)
    chat.ask("hello")
    chat.retry.wait_for()
    chat.see(sentence)
    shown = chat.text()
    assert "hello" in shown
    if re.search(r"-[mchbx]5", name):
        assert "FIRST" in shown
        assert "Interrupted" in shown
    assert "Traceback" not in shown + app.log
    assert KEY not in shown + app.log
    chat.page.reload()
    chat.retry.wait_for()
    chat.see(sentence)


def test_a_refused_connection_is_a_sentence_and_a_retry_answers_once_the_server_is_back(
    tmp_path: Path, new_page: MakePage
) -> None:
    with OpenAIWire() as gone:
        port = gone.port
    environment = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "SITECHAT_LLM": "openai/wire-n20"}
    server = AppServer(tmp_path / "data", environment | {"SITECHAT_LLM_ATTEMPTS": "2"}).start()
    try:
        chat = ChatPage(new_page(), server.url).open()
        chat.ask("hello")
        chat.retry.wait_for()
        chat.see(f"Cannot reach the model at 127.0.0.1:{port}")
        with OpenAIWire(port):
            chat.retry.click()
            chat.see("Answered in")
    finally:
        server.stop()


def test_a_flood_is_cut_at_the_limit(model: OpenAIWire, chat: ChatPage) -> None:
    chat.choose_model("wire-n200000")
    chat.ask("hello")
    chat.see("Answered in")
    assert model.requests[-1].end in ("client-left", "cut")
    assert len(chat.text().split()) < 40_000


def test_a_long_answer_stays_under_a_megabyte_and_shows_every_word(model: OpenAIWire, chat: ChatPage) -> None:
    chat.choose_model(LONG)
    before = chat.received
    chat.ask("hello")
    chat.see("Answered in")
    assert chat.received - before < 1_000_000
    chat.page.wait_for_timeout(1000)
    answer = chat.page.locator('[data-testid="stChatMessage"]').last
    whole = 8000 // len(MARKDOWN)
    assert answer.locator("table").count() == whole
    assert answer.locator("pre").count() == whole
    assert answer.locator("li").count() == 2 * whole


def test_killed_in_mid_answer_the_text_so_far_is_there_after_a_restart_marked_interrupted(
    model: OpenAIWire, tmp_path: Path, new_page: MakePage
) -> None:
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.url, "SITECHAT_LLM": f"openai/{SLOW}"}
    server = AppServer(tmp_path / "data", environment).start()
    chat = ChatPage(new_page(), server.url).open()
    chat.ask("hello")
    chat.see("FIRST")
    chat.page.wait_for_timeout(2500)
    address = chat.conversation
    server.kill()
    server.start()
    try:
        chat.page.goto(address)
        chat.retry.wait_for()
        chat.see("FIRST")
        chat.see("Interrupted")
        chat.retry.click()
        chat.see("Answered in")
    finally:
        server.stop()


def test_bedrock_answers_in_the_browser_over_its_own_wire(tmp_path: Path, new_page: MakePage) -> None:
    with BedrockWire() as bedrock:
        environment = {
            "SITECHAT_LLM": "bedrock/wire-r100-n60",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIALOOPBACK",
            "AWS_SECRET_ACCESS_KEY": "loopback-secret-value",
        }
        server = AppServer(tmp_path / "data", environment).start()
        try:
            chat = ChatPage(new_page(), server.url).open()
            chat.ask("hello")
            chat.see("Answered in")
            assert [r.end for r in bedrock.requests] == ["done"]
            assert "loopback-secret-value" not in server.log
        finally:
            server.stop()
