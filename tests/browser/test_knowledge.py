"""Thirty files dropped on a knowledge base, watched through everything that can happen: the page tells the truth.

``SCREENSHOTS=docs/images pytest tests/browser/test_knowledge.py`` keeps the pictures for the documentation.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import LOADING, ChatPage
from tests.browser.knowledge_page import KnowledgePage
from tests.conftest import MakePage
from tests.fixtures import mixed
from tests.servers.openai_wire import OpenAIWire
from tests.support.app import AppServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SIZE = {"width": 1280, "height": 960}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AppServer]:
    """A search model that takes more than a second for each batch, so that there is time to look."""
    with OpenAIWire() as wire:
        environment = {
            "OPENAI_BASE_URL": wire.url,
            "OPENAI_API_KEY": "sk-of-a-test-x4Kd",
            "SITECHAT_EMBEDDING": "openai/wire-d1500",
            "SITECHAT_LLM": "extractive",
            "SITECHAT_SAMPLE": "false",
            "SITECHAT_MAX_FILE_MB": "1",
        }
        app = AppServer(tmp_path / "data", environment).start()
        app.wait_until_ready()
        yield app
        app.stop()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_thirty_mixed_files_are_watched_paused_thinned_out_retried_and_survive_a_kill(
    server: AppServer, new_page: MakePage, tmp_path: Path, pictures: Path
) -> None:
    page = new_page(viewport=SIZE)
    knowledge = KnowledgePage(page, server.url, server.data_dir / "sitechat.db")
    knowledge.create("Workshop")
    address = page.url
    chat = ChatPage(page.context.new_page(), server.url).open()
    chat.see("has nothing to answer from yet")
    expect(chat.input).to_be_disabled(timeout=LOADING)

    # Upload and watch: the chat comes alive by itself as soon as something is ready, while the rest goes on.
    knowledge.add(mixed.thirty(tmp_path / "files", 1_000_000), taken=29)
    chat.see("You can ask as soon as its first pages are ready")
    expect(chat.input).to_be_enabled(timeout=LOADING)
    assert knowledge.truth().status == "in_progress"
    seen = []
    for _ in range(5):
        page.wait_for_timeout(700)
        seen.append((knowledge.agrees(), knowledge.percentage()))
    percentages = [percentage for _, percentage in seen]
    assert percentages == sorted(percentages)
    assert seen[-1][0].ready > seen[0][0].ready
    page.screenshot(path=pictures / "knowledge-working.png")

    # Pause: within five seconds nothing is in work, and nothing moves.
    knowledge.press("Pause")
    expect(knowledge.job).to_contain_text("Paused", timeout=5000)
    paused = knowledge.agrees()
    assert (paused.status, paused.working) == ("paused", 0)
    page.wait_for_timeout(2500)
    assert knowledge.agrees() == paused

    # Reload: a new session says the same.
    page.reload()
    expect(knowledge.job).to_contain_text("Paused", timeout=LOADING)
    assert knowledge.agrees() == paused

    # Leave one out.
    knowledge.job.get_by_text("Files and pages").click()
    choice = knowledge.job.get_by_role("combobox", name="Leave out")
    choice.click()
    choice.fill(mixed.LEFT_OUT)
    expect(page.get_by_role("option")).to_have_count(1, timeout=LOADING)
    choice.press("ArrowDown")
    choice.press("Enter")
    knowledge.press("Leave out")
    expect(knowledge.job.get_by_role("combobox", name="Leave out")).not_to_have_value(mixed.LEFT_OUT, timeout=LOADING)
    assert knowledge.item(mixed.LEFT_OUT)[0] == "cancelled"
    page.screenshot(path=pictures / "knowledge-paused.png")

    # The list goes along as a file.
    with page.expect_download() as saved:
        knowledge.press("Save as CSV")
    listed = saved.value.path().read_text("utf-8-sig").splitlines()
    assert listed[0] == "State,Name,Why,Reason,Passages"
    assert len(listed) == 1 + paused.total

    # Retry one, while paused: it waits like the others. Then everything goes on.
    assert knowledge.item(mixed.DAMAGED)[0] == "failed"
    knowledge.job.locator('[class*="st-key-failed-"]', has_text=mixed.DAMAGED).get_by_role("button").click()
    expect(knowledge.job.locator('[class*="st-key-failed-"]', has_text=mixed.DAMAGED)).to_have_count(0, timeout=LOADING)
    assert knowledge.item(mixed.DAMAGED)[0] == "pending"
    assert knowledge.agrees().failed == paused.failed - 1
    knowledge.press("Resume")
    expect(knowledge.job).not_to_contain_text("Paused", timeout=5000)
    running = knowledge.agrees()
    assert running.status == "in_progress"

    # Killed and started again, the page comes back by itself and the work goes on where it was.
    server.kill()
    before = knowledge.truth()
    server.start()
    page.wait_for_function("document.querySelector('[class*=\"st-key-job-\"]') !== null")
    assert knowledge.agrees().ready >= before.ready
    assert page.url == address

    # The end, which is told once.
    expect(knowledge.job).to_contain_text("Done", timeout=120_000)
    ended = knowledge.agrees()
    assert (ended.ready, ended.skipped, ended.failed, ended.working) == (26, 1, 1, 0)
    assert ended.ready + ended.skipped + ended.failed + 1 == ended.total, "all but the one that was left out"
    assert knowledge.item(mixed.DAMAGED)[0] == "failed"
    expect(knowledge.toasts.filter(has_text="Workshop")).to_have_count(1, timeout=LOADING)
    expect(page.get_by_role("heading", name="History")).to_be_visible(timeout=LOADING)
    page.get_by_role("heading", name="History").scroll_into_view_if_needed()
    page.screenshot(path=pictures / "knowledge-history.png")
    page.goto(f"{server.url}/knowledge")
    expect(page.get_by_text("Needs attention")).to_be_visible(timeout=LOADING)
    expect(knowledge.toasts.filter(has_text="Workshop")).to_have_count(0)

    # An address that is no web address gets to the server, which says what to do.
    page.goto(address)
    expect(knowledge.job.get_by_text("Done")).to_be_visible(timeout=LOADING)
    page.get_by_label("Address of a page, a website or an S3 bucket").fill("s3://reports/2025/")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_test_id("stAlert").filter(has_text="SITECHAT_S3_BUCKETS")).to_be_visible(timeout=LOADING)
