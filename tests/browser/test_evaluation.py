"""An answer is found wanting, the right page is named, and a measurement of the knowledge base asks it from then on.

``SCREENSHOTS=docs/images pytest tests/browser/test_evaluation.py`` keeps the pictures for the documentation.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat_page import LOADING, ChatPage
from tests.conftest import MakePage, MakeServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

QUESTION = "How do I back up the data?"
MEASURED = "Where the right page is found"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def charts(page: Page) -> None:
    """Wait until all of them are drawn."""
    drawn = page.locator('[data-testid="stVegaLiteChart"] :is(canvas, svg)')
    expect(drawn.first).to_be_visible(timeout=LOADING)
    expect(page.locator('[data-testid="stSkeleton"]')).to_have_count(0, timeout=LOADING)


def test_feedback_becomes_a_question_and_a_measurement_outlives_its_page(
    app_server: MakeServer, new_page: MakePage, pictures: Path
) -> None:
    app = app_server(SITECHAT_LLM="extractive")
    app.wait_until_read()
    page = new_page(viewport={"width": 1280, "height": 960})
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]) if "//" in request.url else None)

    chat = ChatPage(page, app.url).open()
    chat.ask(QUESTION)
    page.locator('[data-testid="stFeedback"] button').last.click(timeout=LOADING)
    page.get_by_label("Words that the answer should have").fill("copy the data directory")
    page.get_by_label("Which page answers it?").click()
    page.get_by_role("option", name="Operations").click()
    page.get_by_role("button", name="Send", exact=True).click()
    chat.see("Thank you, noted.")

    page.get_by_role("link", name="Evaluation").click()
    chat.see("1 question from feedback")
    page.get_by_text("1 question from feedback").click()
    expect(page.get_by_label("Words that the answer should have")).to_have_value("copy the data directory")
    page.get_by_role("slider").press("Home")
    page.get_by_role("button", name="Start").click()
    chat.see("Measuring “")
    page.reload()
    page.get_by_role("button", name="Show the report").click(timeout=3 * LOADING)
    chat.see(MEASURED)
    charts(page)
    page.set_viewport_size({"width": 1280, "height": 1800})
    page.screenshot(path=pictures / "evaluation.png")
    assert asked == {app.url.split("/")[2]}

    phone = new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    phone.goto(page.url)
    phone.get_by_text(MEASURED).wait_for(timeout=LOADING)
    charts(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    phone.get_by_role("button", name="All evaluations").click()
    phone.get_by_text("Evaluations so far").wait_for(timeout=LOADING)
