"""A browser's side of Streamlit's websocket, without a browser: opens the page, asks, and notes what arrives when."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_IDLE_SECONDS = 3.0
_LETTERS = re.compile(r"[^\w|`#*-]+")


@dataclass
class Answer:
    """``updates``: when each piece of the answer's own text arrived, in seconds of ``time.monotonic``."""

    asked: float
    updates: list[float] = field(default_factory=list)
    received: int = 0
    frames: int = 0
    complete: bool = False
    problem: str = ""

    @property
    def first(self) -> float:
        """Seconds until the first words."""
        return self.updates[0] - self.asked if self.updates else float("inf")

    @property
    def worst_gap(self) -> float:
        """The longest pause between two updates, in seconds; the whole wait where all came in one."""
        pairs = zip(self.updates, self.updates[1:], strict=False)
        return max((later - earlier for earlier, later in pairs), default=self.first)


class Visitor:
    """One session: ``async with Visitor(url) as visitor``, then :meth:`open`, then :meth:`ask`."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("http://", "ws://") + "/_stcore/stream"
        self._client = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._input = ""
        self._page = ""
        self._query = ""
        self._texts: dict[tuple[int, ...], str] = {}
        self._running = False
        self._timers: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._socket = await self._client.ws_connect(
            self._url, protocols=("streamlit",), max_msg_size=0, compress=0, heartbeat=None
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for timer in self._timers.values():
            timer.cancel()
        if self._socket is not None:
            await self._socket.close()
        await self._client.close()

    async def open(self, seconds: float = 60) -> None:
        """Load the page, up to a chat input that takes questions."""
        await self._rerun()
        end = time.monotonic() + seconds
        while self._running or not self._input:
            message, _ = await self._receive(end - time.monotonic())
            if message is None:
                raise TimeoutError(f"the page did not come up within {seconds} s")

    async def ask(self, question: str, expected: str | None, seconds: float = 120) -> Answer:
        """Send ``question`` and read until ``expected`` has arrived in full; without it, until the page is at rest."""
        answer = Answer(time.monotonic())
        before = dict(self._texts)
        wanted = _bare(expected) if expected else None
        await self._rerun(question)
        end = answer.asked + seconds
        while not answer.complete and time.monotonic() < end:
            patience = _IDLE_SECONDS if wanted is None and not self._running else end - time.monotonic()
            message, size = await self._receive(patience)
            if message is None:
                answer.complete = wanted is None and not self._running
                break
            answer.frames += 1
            answer.received += size
            self._note(message, answer, before, wanted)
        if not answer.complete and not answer.problem:
            answer.problem = f"incomplete after {seconds:.0f} s"
        await self._come_to_rest(answer)
        return answer

    async def _come_to_rest(self, answer: Answer) -> None:
        """What the page still sends once the answer is there belongs to its bytes."""
        end = time.monotonic() + 2 * _IDLE_SECONDS
        while time.monotonic() < end:
            message, size = await self._receive(1.0)
            if message is None and not self._running:
                return
            answer.frames += message is not None
            answer.received += size

    def text(self) -> str:
        """All Markdown on the page, in its order."""
        return "\n\n".join(body for _, body in sorted(self._texts.items()))

    def _note(
        self, message: ForwardMsg, answer: Answer, before: dict[tuple[int, ...], str], wanted: str | None
    ) -> None:
        if message.WhichOneof("type") != "delta":
            return
        kind = message.delta.new_element.WhichOneof("type")
        if kind == "exception":
            answer.problem = message.delta.new_element.exception.message
        if kind != "markdown":
            return
        path, body = tuple(message.metadata.delta_path), message.delta.new_element.markdown.body
        if wanted is None:
            answer.updates.append(time.monotonic())
            return
        bare = _bare(body)
        if len(bare) >= 3 and before.get(path) != body and bare in wanted:
            before[path] = body
            answer.updates.append(time.monotonic())
            # The end is looked for only where it may be: joining everything at each update would slow the generator.
            if wanted.endswith(bare[-20:]):
                answer.complete = wanted in _bare(self.text())

    async def _repeat(self, fragment: str, seconds: float) -> None:
        """What the browser does for a fragment that runs at an interval."""
        while True:
            await asyncio.sleep(seconds)
            await self._rerun(fragment=fragment)

    async def _rerun(self, question: str | None = None, fragment: str = "") -> None:
        request = BackMsg()
        state = request.rerun_script
        state.query_string, state.page_script_hash = self._query, self._page
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        if question is not None:
            widget = state.widget_states.widgets.add()
            widget.id = self._input
            widget.chat_input_value.data = question
        self._running = self._running or not fragment
        assert self._socket is not None
        await self._socket.send_bytes(request.SerializeToString())

    async def _receive(self, seconds: float) -> tuple[ForwardMsg | None, int]:
        assert self._socket is not None
        try:
            frame = await asyncio.wait_for(self._socket.receive(), max(seconds, 0.01))
        except TimeoutError:
            return None, 0
        if frame.type is not aiohttp.WSMsgType.BINARY:
            raise ConnectionError(f"the server ended the connection: {frame.type.name} {frame.data!r}")
        message = ForwardMsg.FromString(frame.data)
        self._follow(message)
        return message, len(frame.data)

    def _follow(self, message: ForwardMsg) -> None:
        """Keep what later requests need: the input's id, the page, its address, and its texts."""
        match message.WhichOneof("type"):
            case "new_session":
                self._running = True
                self._page = message.new_session.page_script_hash or self._page
            case "navigation":
                self._page = message.navigation.page_script_hash
            case "page_info_changed":
                self._query = message.page_info_changed.query_string
            case "script_finished":
                self._running = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
            case "auto_rerun":
                self._stop_timer(message.auto_rerun.fragment_id)
                repeating = self._repeat(message.auto_rerun.fragment_id, message.auto_rerun.interval)
                self._timers[message.auto_rerun.fragment_id] = asyncio.create_task(repeating)
            case "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._stop_timer(fragment)
            case "delta":
                self._remember(message)

    def _remember(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        match element.WhichOneof("type"):
            case "chat_input":
                self._input = "" if element.chat_input.disabled else element.chat_input.id
            case "markdown":
                self._texts[tuple(message.metadata.delta_path)] = element.markdown.body

    def _stop_timer(self, fragment: str) -> None:
        if timer := self._timers.pop(fragment, None):
            timer.cancel()


def _bare(text: str) -> str:
    return _LETTERS.sub("", text)
