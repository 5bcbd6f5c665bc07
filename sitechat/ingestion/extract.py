"""Reads untrusted files in processes of their own, which are killed when a file takes too long or too much.

A process is started at the first file, kept for the next ones, and replaced after a failure. It has no secrets in its
environment, no network where the system can take it away, and limits on memory, files, computing and time.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sitechat
from sitechat.errors import TimedOut, Unavailable
from sitechat.ingestion import cpu_budget
from sitechat.ingestion import extract_wire as wire
from sitechat.ingestion.formats.base import Extracted, NotExtracted, TooLarge, TooSlow, Unreadable
from sitechat.ingestion.formats.members import Member
from sitechat.ingestion.formats.writer import LONGEST_TEXT
from sitechat.ingestion.site.facts import PageFacts

log = logging.getLogger(__name__)

_CHILD = "sitechat.ingestion.extract_child"
_START_SECONDS = 60
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "TZ")
_LARGEST_HEADER = 4 << 20
_LARGE = 1 << 20
_CRASHED = "It could not be read: the reader broke down over it, so it is probably damaged."
_NOT_STARTED = "The process that reads files could not be started; the log says more."
_STOPPING = "SiteChat is stopping."
_TOO_SLOW = (
    "Reading it was stopped because it did not get on: something in it takes far longer than a file of its size should."
)
_KILLED = "Reading it needs more memory than this machine has."


class ExtractionPool:
    """Up to ``size`` processes, each reading one file at a time within the limits given here.

    ``cpu_seconds`` is what a file may compute without getting on (see :mod:`sitechat.ingestion.cpu_budget`),
    ``timeout`` what it may take in all, waiting included. ``ocr_languages`` are Tesseract's names for them.
    """

    def __init__(
        self,
        *,
        size: int = 1,
        timeout: float = 300,
        cpu_seconds: float = cpu_budget.FIRST_SECONDS,
        memory_mb: int = 2048,
        longest_text: int = LONGEST_TEXT,
        ocr_languages: str = "eng",
    ) -> None:
        self._timeout = timeout
        self._arguments = (str(memory_mb << 20), str(longest_text), str(cpu_seconds), ocr_languages)
        self._largest_text = 4 * longest_text
        self._free = asyncio.Semaphore(size)
        self._idle: list[_Reader] = []
        self._readers: set[_Reader] = set()
        self._closed = False

    @asynccontextmanager
    async def page(
        self, path: Path, name: str, address: str, media_type: str | None = None
    ) -> AsyncIterator["PageReading"]:
        """The HTML page at ``path``, found at ``address``: first what it says about itself, then, if wanted, its text.

        Raises as :meth:`extract`.
        """
        request = replace(_request(path, name, media_type), address=address)
        async with self._free, self._borrowed() as reader:
            facts = wire.decode_facts((await self._bounded(reader.read(request, self._largest_text))).text)
            try:
                yield PageReading(facts, lambda: self._bounded(reader.go_on(request, self._largest_text)))
            finally:
                reader.enough()

    async def members(self, path: Path, name: str) -> tuple[Member, ...]:
        """The files in the archive at ``path``, in order. Raises as :meth:`extract`."""
        return wire.decode_members((await self._whole(replace(_request(path, name, None), lists=True))).text)

    async def extract(self, path: Path, name: str, media_type: str | None = None) -> Extracted:
        """Read the file at ``path``; ``name`` is what its sender called it, ``media_type`` may have parameters.

        Raises :class:`~sitechat.ingestion.formats.base.NotExtracted` with the reason, ``TimedOut`` after the time
        limit, ``Unavailable`` if no process can be started. Cancelling kills the process.
        """
        return await self._whole(_request(path, name, media_type))

    async def _whole(self, request: wire.Request) -> Extracted:
        async with self._free, self._borrowed() as reader:
            return await self._bounded(reader.read(request, self._largest_text))

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator["_Reader"]:
        reader = await self._reader()
        try:
            yield reader
        finally:
            if reader.reusable:
                self._idle.append(reader)
            else:
                self._discard(reader)

    async def warm(self) -> None:
        """Start a process now, so that the first file does not wait for it."""
        async with self._free:
            self._idle.append(await self._reader())

    async def close(self) -> None:
        """Kill what is running. Whoever still waits for a file gets ``Unavailable``."""
        self._closed = True
        self._idle.clear()
        readers = list(self._readers)
        for reader in readers:
            self._discard(reader)
        await asyncio.gather(*(reader.gone() for reader in readers))

    async def _reader(self) -> "_Reader":
        while self._idle:
            reader = self._idle.pop()
            if reader.alive:
                return reader
            self._discard(reader)
        if self._closed:
            raise Unavailable(_STOPPING)
        reader = await _Reader.start(self._arguments)
        self._readers.add(reader)
        return reader

    async def _bounded(self, reading: Coroutine[Any, Any, Extracted]) -> Extracted:
        try:
            async with asyncio.timeout(self._timeout):
                return await reading
        except TimeoutError:
            limit = f"{self._timeout:g} seconds"
            raise TimedOut(f"Reading it took longer than {limit} and was stopped.", retryable=False) from None
        except NotExtracted:
            if self._closed:
                raise Unavailable(_STOPPING) from None
            raise

    def _discard(self, reader: "_Reader") -> None:
        reader.kill()
        self._readers.discard(reader)


class PageReading:
    """A web page in the middle of being read: what it says about itself, and its text, to be asked for once."""

    def __init__(self, facts: PageFacts, text: Callable[[], Coroutine[Any, Any, Extracted]]) -> None:
        self.facts = facts
        self.text = text


class _Reader:
    """One process. ``reusable`` tells whether it stands ready for another file."""

    def __init__(self, process: Process, requests: asyncio.StreamWriter, replies: asyncio.StreamReader) -> None:
        self._process = process
        self._requests = requests
        self._replies = replies
        self._in_the_middle = False
        self.reusable = True

    @classmethod
    async def start(cls, arguments: tuple[str, ...]) -> "_Reader":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", _CHILD, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=_environment(),
            cwd="/",
            start_new_session=True,
            limit=_LARGE,
        )
        if process.stdin is None or process.stdout is None:
            raise Unavailable(_NOT_STARTED)
        reader = cls(process, process.stdin, process.stdout)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await reader._frame(len(wire.READY))
        except (TimeoutError, EOFError, OSError, ValueError) as error:
            reader.kill()
            log.error("the process that reads files did not start: %r", error)
            raise Unavailable(_NOT_STARTED) from None
        except BaseException:
            reader.kill()
            raise
        return reader

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def read(self, request: wire.Request, largest_text: int) -> Extracted:
        """Have one file read. The process is not reusable unless a whole reply arrived.

        Of a web page only the facts are read, and then it waits for :meth:`go_on` or :meth:`enough`.
        """
        found = await self._ask(wire.encode_request(request), request, largest_text)
        if request.address:
            self._in_the_middle, self.reusable = True, False
        return found

    async def go_on(self, request: wire.Request, largest_text: int) -> Extracted:
        """The text of the page whose facts were read."""
        self._in_the_middle = False
        return await self._ask(wire.GO_ON, request, largest_text)

    def enough(self) -> None:
        """The text of the page is not wanted; does nothing where it was read, or the process is gone."""
        if self._in_the_middle and self.alive:
            self._requests.write(wire.frame(wire.ENOUGH))
            self._in_the_middle, self.reusable = False, True

    async def _ask(self, payload: bytes, request: wire.Request, largest_text: int) -> Extracted:
        self.reusable = False
        try:
            self._requests.write(wire.frame(payload))
            await self._requests.drain()
            header = await self._header(await self._frame(_LARGEST_HEADER))
            if header.failure is None:
                blocks = await self._frame(wire.LARGEST_BLOCKS)
                text = await self._frame(largest_text)
        except (EOFError, OSError, ValueError) as error:
            raise await self._explain_death(request, error) from None
        self.reusable = not header.last
        if header.failure is not None:
            if header.detail:
                log.warning("reading %s: %s", request.name, header.detail)
            raise header.failure
        if len(blocks) + len(text) > _LARGE:
            return await asyncio.to_thread(header.extracted, blocks, text)
        return header.extracted(blocks, text)

    async def _header(self, payload: bytes) -> wire.Header:
        if len(payload) > _LARGE:
            return await asyncio.to_thread(wire.decode_header, payload)
        return wire.decode_header(payload)

    async def _frame(self, largest: int) -> bytes:
        (length,) = wire.LENGTH.unpack(await self._replies.readexactly(wire.LENGTH.size))
        if length > largest:
            raise ValueError(f"a frame of {length} bytes")
        return await self._replies.readexactly(length)

    async def _explain_death(self, request: wire.Request, error: Exception) -> NotExtracted:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()
        log.warning("reading %s: the process ended with %s (%s)", request.name, self._process.returncode, error)
        if self._process.returncode == -signal.SIGKILL:
            return TooLarge(_KILLED)
        if self._process.returncode == -cpu_budget.ENDS_WITH:
            return TooSlow(_TOO_SLOW)
        return Unreadable(_CRASHED)

    def kill(self) -> None:
        """At once, with whatever it started."""
        self.reusable = False
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        await self._process.wait()


def _request(path: Path, name: str, media_type: str | None) -> wire.Request:
    return wire.Request(str(path.absolute()), name, media_type)


def _environment() -> dict[str, str]:
    """What the child may know: where Python and this package are, and nothing else."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    package = str(Path(sitechat.__file__).resolve().parent.parent)
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",  # a process with threads could not take the network away from itself
    }
