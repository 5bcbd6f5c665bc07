"""The chat page as a person uses it: ask, wait, read, stop."""

from typing import Any

from playwright.sync_api import Locator, Page, TimeoutError, expect

LOADING = 60_000
"""Milliseconds that anything on a busy machine may take."""


class ChatPage:
    """Wraps a browser page. ``received`` counts the bytes that came over its sockets."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.received = 0
        page.set_default_timeout(LOADING)
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def open(self, address: str = "") -> "ChatPage":
        self.page.goto(address or self.url)
        self.input.wait_for()
        return self

    @property
    def input(self) -> Locator:
        return self.page.locator('[data-testid="stChatInput"] textarea')

    @property
    def conversation(self) -> str:
        """The address that leads back to this conversation."""
        self.page.wait_for_url("**/?*c=*")
        return self.page.url

    @property
    def alert(self) -> Locator:
        return self.page.locator('[data-testid="stAlert"]')

    @property
    def retry(self) -> Locator:
        return self.page.get_by_role("button", name="Retry")

    @property
    def marks(self) -> Locator:
        """The citation marks inside all answers' texts; the cards and suggestions below them are not marks."""
        return self.page.locator('[class*="st-key-answer-"] a[href*="/source/"]')

    def ask(self, question: str) -> None:
        expect(self.input).to_be_enabled(timeout=LOADING)
        self.input.fill(question)
        self.input.press("Enter")

    def see(self, text: str) -> None:
        """Wait until the page shows these words; what it shows instead is in the failure."""
        try:
            self.page.wait_for_function("text => document.body.innerText.includes(text)", arg=text)
        except TimeoutError as error:
            raise AssertionError(f"{text!r} did not come; the page shows:\n{self.text()[-1500:]}") from error

    def text(self) -> str:
        return str(self.page.evaluate("document.body.innerText"))

    def stop(self) -> None:
        self.page.get_by_role("button", name="Stop").first.click()

    def choose_model(self, name: str) -> None:
        self.page.locator('[data-testid="stSelectbox"]').last.click()
        self.page.get_by_role("option", name=name, exact=False).first.click()
        self.page.wait_for_timeout(500)

    def _count(self, payload: Any) -> None:
        self.received += len(payload)
