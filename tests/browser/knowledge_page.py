"""The page of one knowledge base as a person sees it, and the database that it must agree with."""

import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import LOADING

AGREE_SECONDS = 8.0
"""How long the page of a busy machine may lag behind."""
_FACTS = re.compile(r"([\d,]+) of ([\d,]+) files?")
_RESULT = re.compile(r"([\d,]+) ready(?: · ([\d,]+) skipped)?(?: · ([\d,]+) failed)?")
_WORDS = {
    "Queued": {"pending", "in_progress"},
    "Working": {"pending", "in_progress"},
    "Waiting": {"pending", "in_progress"},
    "Paused": {"paused"},
    "Done": {"completed"},
    "Cancelled": {"cancelled"},
}


@dataclass(frozen=True)
class Truth:
    """What the database says of the newest job."""

    status: str
    ready: int
    skipped: int
    failed: int
    total: int
    working: int


class KnowledgePage:
    def __init__(self, page: Page, url: str, database: Path) -> None:
        self.page = page
        self.url = url
        self.database = database
        page.set_default_timeout(LOADING)

    def create(self, name: str) -> None:
        self.page.goto(f"{self.url}/knowledge")
        self.page.get_by_role("button", name="New knowledge base").click()
        self.page.get_by_label("Name").first.fill(name)
        self.page.get_by_label("Name").first.press("Enter")
        expect(self.page.get_by_role("heading", name=name)).to_be_visible(timeout=LOADING)

    def add(self, files: list[Path], taken: int) -> None:
        """Drop ``files``, of which the page takes ``taken``."""
        self.page.locator('input[type="file"]').first.set_input_files(files)
        self.page.get_by_role("button", name=f"Add {taken} files").click()
        expect(self.page.get_by_role("heading", name="Activity")).to_be_visible(timeout=LOADING)

    def press(self, name: str) -> None:
        self.job.get_by_role("button", name=name, exact=True).first.click()

    @property
    def job(self) -> Locator:
        """The card of the newest job."""
        return self.page.locator('[class*="st-key-job-"]').first

    @property
    def toasts(self) -> Locator:
        return self.page.get_by_test_id("stToast")

    def percentage(self) -> int:
        found = re.search(r"(\d+) %", self.job.inner_text())
        return int(found[1]) if found else 100

    def truth(self) -> Truth:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=15)) as connection:
            job, status = connection.execute("SELECT id, state FROM jobs ORDER BY created_at DESC LIMIT 1").fetchone()
            states = "SELECT state, count(*) FROM items WHERE job_id = ? GROUP BY state"
            counts = dict(connection.execute(states, (job,)).fetchall())
        return Truth(
            status,
            ready=counts.get("completed", 0),
            skipped=counts.get("skipped", 0),
            failed=counts.get("failed", 0),
            total=sum(counts.values()),
            working=counts.get("in_progress", 0),
        )

    def item(self, name: str) -> tuple[str, str]:
        """State and time of the last change of an item, as the database has it."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=15)) as connection:
            row = connection.execute("SELECT state, updated_at FROM items WHERE name = ?", (name,)).fetchone()
        return row[0], row[1]

    def agrees(self) -> Truth:
        """Wait until the page and the database say the same; what they say."""
        end = time.monotonic() + AGREE_SECONDS
        while True:
            truth = self.truth()
            shown = self.job.inner_text()
            if _same(shown, truth):
                return truth
            if time.monotonic() > end:
                raise AssertionError(f"the database says {truth}; the page says:\n{shown}")
            self.page.wait_for_timeout(100)


def _same(shown: str, truth: Truth) -> bool:
    word = next((word for word in _WORDS if word in shown), "")
    if truth.status not in _WORDS.get(word, set()):
        return False
    if found := _FACTS.search(shown):
        return (int(found[1]), int(found[2])) == (truth.ready + truth.skipped + truth.failed, truth.total)
    found = _RESULT.search(shown)
    counts = tuple(int(number or 0) for number in found.groups()) if found else ()
    return counts == (truth.ready, truth.skipped, truth.failed)
