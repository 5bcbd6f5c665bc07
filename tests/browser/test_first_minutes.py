"""The first minutes of a person who has just started SiteChat: ask the sample, open the evidence, add own files."""

import html
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import LOADING, ChatPage
from tests.conftest import MakePage
from tests.support.app import AppServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SAMPLE_QUESTION = "How do I use my own OpenAI-compatible server?"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    server = AppServer(tmp_path_factory.mktemp("first") / "data").start()
    yield server
    server.stop()


@pytest.fixture
def chat(app: AppServer, new_page: MakePage) -> ChatPage:
    return ChatPage(new_page(viewport={"width": 1280, "height": 900}), app.url).open()


def test_a_sample_question_is_answered_with_evidence_that_opens_at_the_quoted_words(chat: ChatPage) -> None:
    chat.see("No API key set")
    chat.page.get_by_role("button", name=SAMPLE_QUESTION).click(timeout=120_000)
    chat.see("Answered from")
    mark = chat.marks.first
    address = mark.get_attribute("href") or ""
    mark.hover()
    card = chat.page.locator(".sitechat-card, [role=dialog]").first
    expect(card).to_be_visible()
    expect(card.locator("mark").first).to_be_visible()
    source = chat.page.context.new_page()
    source.goto(chat.url + address)
    quoted = source.locator("mark#quote").inner_text()
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)
    text = source.locator("pre").inner_text()
    assert quoted in text
    assert len(quoted) >= int(query["end"][0]) - int(query["start"][0]) - 5
    expect(source.locator("mark#quote")).to_be_in_viewport()


def test_what_the_documents_do_not_hold_is_refused_with_the_closest_pages(chat: ChatPage) -> None:
    expect(chat.page.get_by_role("button", name=SAMPLE_QUESTION).last).to_be_enabled(timeout=120_000)
    chat.ask("Who painted the ceiling of the Sistine Chapel in Rome?")
    chat.see("Your documents do not answer this.")
    expect(chat.page.get_by_role("button", name="Report this gap")).to_be_visible()
    expect(chat.marks).to_have_count(0)
    assert "[1]" not in chat.text()


def test_own_files_are_read_each_with_its_outcome_and_can_be_asked(chat: ChatPage, tmp_path: Path) -> None:
    (tmp_path / "leave.md").write_text("# Leave\n\nEveryone has thirty days of leave a year. Ask Maria to book it.\n")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is not really a PDF")
    (tmp_path / "photo.heic").write_bytes(b"a photo")
    page = chat.page
    page.goto(f"{chat.url}/knowledge")
    page.get_by_role("button", name="New knowledge base").click()
    page.get_by_label("Name").first.fill("Handbook")
    page.get_by_label("Name").first.press("Enter")
    chat.see("Handbook")
    page.locator('input[type="file"]').first.set_input_files(
        [tmp_path / name for name in ("leave.md", "broken.pdf", "photo.heic")]
    )
    chat.see("photo.heic")
    page.get_by_role("button", name="Add 3 files").click()
    chat.see("Pictures of this kind are not read yet")
    chat.see("leave.md")
    chat.open()
    page.locator('[data-testid="stSelectbox"]').first.click()
    page.get_by_role("option", name="Handbook").click()
    chat.ask("How many days of leave does everyone have?")
    chat.see("Everyone has thirty days of leave a year.")


def test_a_phone_shows_everything_without_scrolling_sideways(app: AppServer, new_page: MakePage) -> None:
    chat = ChatPage(new_page(viewport={"width": 400, "height": 800}, color_scheme="dark"), app.url)
    for path in ("", "/knowledge", "/settings"):
        chat.page.goto(app.url + path)
        chat.page.get_by_role("heading").first.wait_for(timeout=LOADING)
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= 400, path


def test_unknown_addresses_of_ours_are_404_and_documents_are_text(app: AppServer) -> None:
    status, body = app.get("/api/no-such-thing")
    assert (status, "NOT_FOUND" in body) == (404, True)
    status, body = app.get("/source/no-such-document?start=x&end=-1")
    assert (status, "does not exist" in html.unescape(body)) == (404, True)
