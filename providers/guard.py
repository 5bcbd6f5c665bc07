"""What every provider is wrapped in: patience with limits, second tries, and an end to what does not end.

- The first text must come within ``first_token`` seconds, each later piece within ``silence``.
- A passing failure before the first text is tried again, after a pause that grows or that the provider asked for.
- While nothing has come the caller is told so, every few seconds and before each pause.
- Once text has come, a failure is a :class:`~providers.errors.StreamBroken`: the caller keeps the text.
- An answer that exceeds the token limit is cut there, and its connection closed.
- While many answers are being read at once, each is read a little less often and more at a time.

One task drains the provider's stream, because stepping an async generator from outside under time limits breaks the
limits and task groups that it holds itself. Closing this stream cancels that task, which closes the connection.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import groupby

import stamina

from providers.base import Capabilities, Delta, FinishDelta, NoAnswerDelta, Provider, Request, TextDelta, WaitDelta
from providers.channel import Channel, ChannelEnded
from providers.errors import (
    ContentFiltered,
    MalformedStream,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimitExceeded,
    StreamBroken,
)

_CHARACTERS_A_TOKEN = 16
"""More than any language takes, so that only a flood reaches it; a piece of a stream is at least one token."""
_LONG_AGO = float("-inf")
_AT_ONCE = 0.001
"""Seconds: a piece that took longer had not arrived yet when it was asked for."""
_REST_A_STREAM, _REST_LEAST, _REST_MOST = 0.0008, 0.004, 0.06
"""Seconds of rest for each stream that is being read; less than the least is not worth it."""
_TIDYING = 1.0
"""What a provider may take for itself after the finish, to leave its connection in order."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds. ``connect`` is the vendor clients' to keep; ``attempts`` counts the first try."""

    connect: float = 10.0
    first_token: float = 60.0
    silence: float = 30.0
    max_output_tokens: int = 4096
    attempts: int = 3
    notice_every: float = 5.0
    pause_first: float = 1.0
    pause_most: float = 20.0
    pause_jitter: float = 1.0
    retry_after_most: float = 60.0


class _TryAgain(Exception):
    """Carries a passing failure and the pause before the next try to stamina's schedule."""

    def __init__(self, error: ProviderError, pause: float) -> None:
        super().__init__(error.message)
        self.error, self.pause = error, pause


class Guarded:
    """A :class:`~providers.base.Provider` around another."""

    def __init__(self, inner: Provider, limits: Limits | None = None) -> None:
        self._inner = inner
        self._limits = limits or Limits()

    @property
    def inner(self) -> Provider:
        return self._inner

    @property
    def limits(self) -> Limits:
        return self._limits

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def capabilities(self) -> Capabilities:
        facts = self._inner.capabilities
        return replace(facts, max_output_tokens=min(facts.max_output_tokens, self._limits.max_output_tokens))

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The inner stream within its limits; ends with a ``FinishDelta`` or ``NoAnswerDelta``, or raises."""
        call = _Call(self._inner, self._limits, request)
        task = asyncio.create_task(call.run(), name=f"{self.name}/{self.model}")
        try:
            async with aclosing(call.deltas()) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def check(self) -> str:
        try:
            async with asyncio.timeout(self._limits.connect + self._limits.first_token):
                return await self._inner.check()
        except TimeoutError:
            raise _late_first(self._limits) from None

    async def close(self) -> None:
        await self._inner.close()


class _Call:
    """One request: :meth:`run` is the task that drains the provider, :meth:`deltas` what the caller reads."""

    running = 0
    """Requests being drained by this process."""

    def __init__(self, inner: Provider, limits: Limits, request: Request) -> None:
        most = min(request.max_output_tokens, limits.max_output_tokens)
        self._inner, self._limits = inner, limits
        self._request = replace(request, max_output_tokens=most)
        self._channel: Channel[Delta] = Channel()
        self._flood = _Flood(most)
        self._started = False
        self._finished = False
        self._reset_at = _LONG_AGO

    async def run(self) -> None:
        """Never raises an ordinary exception: the channel hands it to the reader."""
        _Call.running += 1
        try:
            await self._try_until_text()
        except asyncio.CancelledError:
            self._channel.end(self._ended_early())
            raise
        except BaseException as error:  # noqa: BLE001  handed over, and raised where the stream is read
            self._channel.end(error)
        else:
            self._channel.end()
        finally:
            _Call.running -= 1

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        loop = asyncio.get_running_loop()
        begin = due = loop.time()
        due += self._limits.notice_every
        quiet = True
        while True:
            try:
                if quiet:
                    async with asyncio.timeout_at(due):
                        unread = await self._channel.get()
                else:
                    unread = await self._channel.get()
            except TimeoutError:
                seconds = round(loop.time() - begin, 1)
                yield WaitDelta("waiting", f"Still waiting for the model ({seconds:.0f} s)…", seconds)
                due = loop.time() + self._limits.notice_every
                continue
            except ChannelEnded:
                return
            for delta in _joined(unread):
                if isinstance(delta, WaitDelta):
                    due = loop.time() + self._limits.notice_every
                    due += delta.seconds if delta.kind == "retrying" else 0
                else:
                    quiet = False
                yield delta

    async def _try_until_text(self) -> None:
        limits = self._limits
        schedule = stamina.retry_context(
            on=lambda error: error.pause if isinstance(error, _TryAgain) else False,
            attempts=limits.attempts,
            timeout=None,
            wait_initial=limits.pause_first,
            wait_max=limits.pause_most,
            wait_jitter=limits.pause_jitter,
        )
        try:
            async for attempt in schedule:
                with attempt:
                    await self._try_once(attempt)
        except _TryAgain as last:
            raise last.error from None

    async def _try_once(self, attempt: stamina.Attempt) -> None:
        try:
            await self._drain()
        except ProviderError as error:
            if self._finished:
                return  # the answer is whole; what breaks afterwards is nobody's concern
            if self._started:
                raise _broken(error, self._limits) from error
            pause = self._pause(error, attempt)
            if pause is None:
                raise
            await self._channel.put(_retrying(error, pause))
            raise _TryAgain(error, pause) from error

    def _pause(self, error: ProviderError, attempt: stamina.Attempt) -> float | None:
        """Seconds before the next try; None when there shall be none."""
        limits = self._limits
        asked = error.retry_after or 0.0
        if not error.transient or attempt.num >= limits.attempts or asked > limits.retry_after_most:
            return None
        jitter = random.uniform(0, limits.pause_jitter)  # noqa: S311
        return asked + jitter / 4 if asked else min(limits.pause_most, attempt.next_wait + jitter)

    async def _drain(self) -> None:
        """Pass on one stream of the provider until it finishes, floods or keeps silent for too long."""
        limits = self._limits
        loop = asyncio.get_running_loop()
        try:
            async with (
                asyncio.timeout(limits.first_token) as limit,
                aclosing(self._inner.stream(self._request)) as inner,
            ):
                asked = loop.time()
                async for delta in inner:
                    if self._started and loop.time() - asked > _AT_ONCE:
                        await self._rest()
                    if not self._finished:
                        await self._pass_on(delta, limit)
                    if self._flood.came:
                        return
                    asked = loop.time()
        except TimeoutError:
            if not self._finished:
                raise _late_first(limits) if not self._started else _fell_silent(limits) from None
        if not self._finished:
            raise self._ended_early()

    async def _rest(self) -> None:
        """Let more pieces gather behind the one just read, so that they are read and passed on together."""
        seconds = min(_REST_MOST, _Call.running * _REST_A_STREAM)
        if seconds >= _REST_LEAST:
            await asyncio.sleep(seconds)

    def _ended_early(self) -> ProviderError:
        if self._started:
            return StreamBroken(_BROKE)
        return ProviderUnavailable("The model gave no answer. Retry.")

    async def _pass_on(self, delta: Delta, limit: asyncio.Timeout) -> None:
        if isinstance(delta, TextDelta):
            if not self._started:
                self._started, self._reset_at = True, _LONG_AGO
            if self._flood.exceeded_by(delta.text):
                delta = FinishDelta("length")
        self._finished = isinstance(delta, FinishDelta | NoAnswerDelta)
        if self._channel.full:
            limit.reschedule(None)
            self._reset_at = _LONG_AGO
        await self._channel.put(delta)
        self._reset(limit)

    def _reset(self, limit: asyncio.Timeout) -> None:
        """Start the clock anew. A tenth of the time is added, so that not every word of a fast stream must do it."""
        now, patience = asyncio.get_running_loop().time(), self._patience()
        if now - self._reset_at > patience / 10 or self._finished:
            self._reset_at = now
            limit.reschedule(now + patience * 1.1)

    def _patience(self) -> float:
        if self._finished:
            return _TIDYING
        return self._limits.silence if self._started else self._limits.first_token


class _Flood:
    """Counts what has come against the limit."""

    def __init__(self, tokens: int) -> None:
        self._pieces, self._characters = tokens, tokens * _CHARACTERS_A_TOKEN
        self.came = False

    def exceeded_by(self, text: str) -> bool:
        self._pieces -= 1
        self._characters -= len(text)
        self.came = self._pieces < 0 or self._characters < 0
        return self.came


def _joined(unread: list[Delta]) -> Iterator[Delta]:
    """Pieces of text that lie next to each other as one: what follows costs the same for a word as for ten."""
    for is_text, run in groupby(unread, lambda delta: isinstance(delta, TextDelta)):
        if is_text:
            yield TextDelta("".join(delta.text for delta in run if isinstance(delta, TextDelta)))
        else:
            yield from run


_BROKE = "The connection to the model broke; this answer is incomplete. Retry."


def _late_first(limits: Limits) -> ProviderTimeout:
    return ProviderTimeout(
        f"The model did not begin to answer within {limits.first_token:g} s. Retry, or choose another model."
    )


def _fell_silent(limits: Limits) -> ProviderTimeout:
    return ProviderTimeout(f"The model fell silent for {limits.silence:g} s; this answer is incomplete. Retry.")


def _broken(error: ProviderError, limits: Limits) -> ProviderError:
    """What a failure is called once text has come."""
    if isinstance(error, ContentFiltered | StreamBroken):
        return error
    if isinstance(error, ProviderTimeout):
        return StreamBroken(_fell_silent(limits).message)
    if isinstance(error, MalformedStream):
        return StreamBroken("The model's server sent data that cannot be read; this answer is incomplete. Retry.")
    return StreamBroken(_BROKE)


def _retrying(error: ProviderError, pause: float) -> WaitDelta:
    reason = "The model is busy" if isinstance(error, RateLimitExceeded) else "The model does not answer"
    return WaitDelta("retrying", f"{reason}; retrying in {max(1, round(pause))} s.", round(pause, 1))
