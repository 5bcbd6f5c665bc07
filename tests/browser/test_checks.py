"""A sentence that no source supports, in a real browser: its look, and what it says to a mouse, keys and a finger."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from sitechat.ui import text
from tests.conftest import MakePage
from tests.servers.openai_wire import OpenAIWire
from tests.support.app import AppServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CARD = ".card:not([hidden])"
ANSWER = (
    "The last ten messages are given to the language model as the history of the conversation [1]. "
    "The last **forty messages** are given to the language model as the history of the conversation [1]."
)
WHY = "The number forty is not in the source."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    folder = tmp_path_factory.mktemp("checks")
    script = folder / "doubtful.json"
    script.write_text(json.dumps([{"text": ANSWER}]), encoding="utf-8")
    with OpenAIWire() as wire:
        environment = {
            "OPENAI_BASE_URL": wire.url,
            "OPENAI_API_KEY": "sk-of-a-test-x4Kd",
            "SITECHAT_EMBEDDING": "openai/wire",
            "SITECHAT_LLM": f"scripted/{script}",
        }
        server = AppServer(folder / "data", environment).start()
        server.wait_until_read()
        yield server
        server.stop()


def doubted(page: Page, site: AppServer) -> Locator:
    """Ask; the words that are to be checked, once the answer is over."""
    page.goto(site.url)
    field = page.get_by_test_id("stChatInputTextArea")
    expect(field).to_be_enabled(timeout=60_000)
    field.fill("How many of the last messages are given to the language model as history?")
    field.press("Enter")
    expect(page.locator('[class*="st-key-actions-"]').last).to_be_visible(timeout=60_000)
    words = page.locator(f'[class*="st-key-answer-"] a[title^="{text.CHECK_THIS}"], a.sitechat-check')
    expect(words.first).to_be_visible()
    return words


def photograph(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / name)


def test_a_sentence_without_support_is_underlined_and_says_why_on_hover(page: Page, site: AppServer) -> None:
    words = doubted(page, site)
    assert " ".join(words.all_inner_texts()).split()[:4] == ["The", "last", "forty", "messages"]
    assert words.first.evaluate("e => getComputedStyle(e).textDecorationStyle") == "dotted"
    expect(page.get_by_text(text.to_check(1))).to_be_visible()
    assert page.locator('[class*="st-key-answer-"] a[title^="Source "]').count() == 1
    words.first.hover()
    card = page.locator(CARD)
    expect(card).to_contain_text(WHY)
    expect(card.locator("mark")).to_contain_text("last ten messages")
    photograph(page, "check-this.png")


def test_a_click_on_it_leads_nowhere_and_the_keyboard_reaches_it(page: Page, site: AppServer) -> None:
    words = doubted(page, site)
    words.first.click()
    expect(page.locator(CARD)).to_contain_text(WHY)
    assert len(page.context.pages) == 1
    page.keyboard.press("Escape")
    expect(page.locator(CARD)).to_have_count(0)
    page.locator('[class*="st-key-answer-"] a').first.focus()
    page.keyboard.press("Tab")
    expect(page.locator(CARD)).to_contain_text(WHY)


def test_on_a_phone_it_opens_as_a_sheet_also_in_the_dark(new_page: MakePage, site: AppServer) -> None:
    page = new_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True, color_scheme="dark")
    doubted(page, site).first.tap()
    sheet = page.locator(".card.sheet:not([hidden])")
    expect(sheet).to_contain_text(WHY)
    photograph(page, "check-this-phone.png")
    sheet.get_by_role("button", name=text.CLOSE).tap()
    expect(sheet).to_have_count(0)
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 390
