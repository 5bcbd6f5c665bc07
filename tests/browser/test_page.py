"""What only a real browser shows: marks and their cards, Stop, what text may do, and a narrow screen."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sitechat.pipeline.trace import Trace
from sitechat.ui import text
from tests.browser.knowledge_page import KnowledgePage
from tests.conftest import MakePage
from tests.servers.openai_wire import OpenAIWire
from tests.support.app import AppServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MARK = '[class*="st-key-answer-"] a.sitechat-mark, [class*="st-key-answer-"] a[title^="Source "]'
CARD = ".card:not([hidden])"
SCRIPT = "hostile.json"
SLOW = "wire-cite-n300-r20"
HOSTILE = """![a](http://canary.test:18999/i) [![b](http://canary.test:18999/j)](http://canary.test:18999/l)
<img src=http://canary.test:18999/k onerror=window.__bad=1> <script>window.__bad=1</script>
[x](javascript:window.__bad=1) [Source 1](http://canary.test:18999/?q=SECRET)
:red[red] :material/home: :streamlit: :smile: $a$ and $b$, a -> b -- c

```mermaid
flowchart LR
A["<img src=http://canary.test:18999/m>"]
```"""


@pytest.fixture(scope="module")
def wire() -> Iterator[OpenAIWire]:
    with OpenAIWire() as server:
        yield server


@pytest.fixture(scope="module")
def site(wire: OpenAIWire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The real server, its own documentation as the sample, and models on loopback."""
    folder = tmp_path_factory.mktemp("site")
    environment = {
        "OPENAI_BASE_URL": wire.url,
        "OPENAI_API_KEY": "sk-of-a-test-x4Kd",
        "SITECHAT_EMBEDDING": "openai/wire",
        "SITECHAT_LLM": "openai/wire-cite-n40",
        "SITECHAT_ANSWER_CACHE_DAYS": "0",
        "SITECHAT_MODELS": f"openai/wire-md-n4000-r50,openai/{SLOW},scripted/{folder / SCRIPT}",
    }
    steps = [{"text": HOSTILE[begin : begin + 5], "every": 0.004} for begin in range(0, len(HOSTILE), 5)]
    (folder / SCRIPT).write_text(json.dumps(steps), encoding="utf-8")
    server = AppServer(folder / "data", environment).start()
    server.wait_until_read()
    yield server
    server.stop()


def ask(page: Page, site: AppServer, question: str, model: str | None = None) -> None:
    page.goto(site.url)
    field = page.get_by_test_id("stChatInputTextArea")
    expect(field).to_be_enabled(timeout=60_000)
    if model is not None:
        page.locator(".st-key-model").get_by_role("combobox").click()
        page.get_by_role("option", name=model).click()
    field.fill(question)
    field.press("Enter")


def finished(page: Page) -> None:
    expect(page.locator('[class*="st-key-actions-"]').last).to_be_visible(timeout=60_000)


def test_a_mark_opens_its_passage_with_the_quoted_words(page: Page, site: AppServer) -> None:
    ask(page, site, "How do I add my own documents?")
    finished(page)
    mark = page.locator(MARK).first
    assert mark.get_attribute("target") == "_blank"
    assert "noopener" in str(mark.get_attribute("rel"))
    mark.hover()
    card = page.locator(CARD)
    expect(card).to_be_visible()
    quote = card.locator("mark").inner_text()
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    with page.context.expect_page() as opened:
        mark.click()
    source = opened.value
    assert source.locator("mark").inner_text().split() == quote.split()


def test_how_an_answer_was_found_opens_below_it_and_can_be_saved(new_page: MakePage, site: AppServer) -> None:
    narrow = new_page(viewport={"width": 390, "height": 844})
    ask(narrow, site, "How do I add my own documents?")
    finished(narrow)
    expect(narrow.get_by_test_id("stDataFrame")).to_have_count(0)
    narrow.get_by_text(text.HOW_FOUND).click()
    expect(narrow.get_by_test_id("stDataFrame").first).to_be_visible(timeout=60_000)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    with narrow.expect_download() as saved:
        narrow.get_by_role("button", name=text.SAVE_TRACE).click()
    trace = Trace.model_validate_json(saved.value.path().read_text(encoding="utf-8"))
    assert trace.queries.question == "How do I add my own documents?"
    assert trace.given
    narrow.get_by_role("tab", name=text.PROMPT_TAB).click()
    shown = narrow.get_by_role("tabpanel", name=text.PROMPT_TAB)
    expect(shown).to_contain_text(str(trace.text_of(trace.given[0]))[:40])


def test_an_answer_can_be_copied_as_markdown(page: Page, site: AppServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, site, "How do I add my own documents?")
    finished(page)
    page.locator('[class*="st-key-copy-"] button').first.click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.includes('[1]'))")


def test_escape_stops_from_within_the_question_field(page: Page, site: AppServer, wire: OpenAIWire) -> None:
    ask(page, site, "How do I add my own documents?", "wire-md-n4000-r50")
    expect(page.locator(".st-key-answer-live p").first).to_be_visible(timeout=60_000)
    page.get_by_test_id("stChatInputTextArea").press("Escape")
    wire.wait_for_end("client-left")
    expect(page.get_by_text(text.STOPPED)).to_be_visible()
    expect(page.locator(".st-key-stop")).to_have_count(0)


def test_text_of_a_model_fetches_nothing_runs_nothing_and_reads_as_it_was_written(page: Page, site: AppServer) -> None:
    foreign: list[str] = []
    page.on("request", lambda request: None if "127.0.0.1" in request.url else foreign.append(request.url))
    ask(page, site, "How do I add my own documents?", SCRIPT)
    finished(page)
    answer = page.locator('[class*="st-key-answer-"]').last
    expect(answer.locator("img, script, iframe, svg[id^=mermaid]")).to_have_count(0)
    shown = " ".join(answer.inner_text().split())
    for words in (":red[red] :material/home: :streamlit: :smile: $a$ and $b$, a -> b -- c", "<script>", "flowchart LR"):
        assert words in shown
    expect(answer.get_by_role("link", name="Source 1 (canary.test:18999)")).to_be_visible()
    assert page.evaluate("window.__bad") is None
    assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []


def test_on_a_phone_nothing_is_wider_than_the_screen_and_marks_open_as_a_sheet(
    new_page: MakePage, site: AppServer
) -> None:
    page = new_page(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    ask(page, site, "How do I add my own documents?")
    finished(page)
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 400
    page.locator(MARK).first.tap()
    sheet = page.locator(".card.sheet:not([hidden])")
    expect(sheet).to_be_visible()
    assert len(page.context.pages) == 1
    sheet.get_by_role("button", name=text.CLOSE).tap()
    expect(sheet).to_have_count(0)


def test_a_job_that_ends_in_the_middle_of_an_answer_does_not_take_its_end_away(
    new_page: MakePage, site: AppServer, tmp_path: Path
) -> None:
    """The page hears of the job while it follows the answer, and acts upon it when the answer ends."""
    page = new_page()
    ask(page, site, "How do I add my own documents?", SLOW)
    expect(page.locator(MARK).first).to_be_visible(timeout=60_000)
    (tmp_path / "leave.mp4").write_bytes(b"no document")
    other = KnowledgePage(new_page(), site.url, site.data_dir / "sitechat.db")
    other.create("Handbook")
    other.page.locator('input[type="file"]').first.set_input_files(tmp_path / "leave.mp4")
    other.page.get_by_role("button", name="Add 1 file").click()
    expect(other.page.get_by_role("heading", name="Activity")).to_be_visible()
    expect(page.locator(".st-key-stop")).to_have_count(1)
    finished(page)
    expect(page.locator(".st-key-stop")).to_have_count(0)


def test_a_passage_opened_while_the_answer_is_written_stays_open_when_it_ends(
    new_page: MakePage, site: AppServer
) -> None:
    """The page runs again then; what one reads does not vanish with that."""
    page = new_page(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    ask(page, site, "How do I add my own documents?", SLOW)
    mark = page.locator(MARK).first
    expect(mark).to_be_visible(timeout=60_000)
    mark.tap()
    sheet = page.locator(".card.sheet:not([hidden])")
    expect(sheet).to_be_visible()
    expect(page.locator(".st-key-stop")).to_have_count(1)
    shown = sheet.inner_text()
    finished(page)
    expect(page.locator(".st-key-stop")).to_have_count(0)
    page.wait_for_function("window.sitechatReader.ended !== null")
    expect(sheet).to_be_visible()
    assert sheet.inner_text().splitlines()[0] == shown.splitlines()[0]
