"""Many people at once: each opens the page and says hello; the model answers 200 tokens at 50 tokens a second.

The questions come within four seconds, which is how long an answer takes, so that the answers overlap.
``python -m benchmarks.sessions [--sessions 100] [--only sitechat|naive]``
"""

import argparse
import asyncio
import statistics
from contextlib import AsyncExitStack
from dataclasses import dataclass

from benchmarks.servers import Watch, clean_environment, model_server, naive, sitechat
from benchmarks.visitor import Answer, Visitor
from tests.servers.behaviour import answer as text_of
from tests.servers.behaviour import parse
from tests.support.app import AppServer

MODEL = "wire-r50-n200"
QUESTION = "hello"
RAMP_SECONDS = 4.0


@dataclass(frozen=True)
class Load:
    """What a number of sessions saw, and what they cost the server."""

    sessions: int
    failed: int
    worst_gap_ms: float
    median_worst_gap_ms: float
    first_words_ms: float
    updates: float
    memory_mb_per_session: float
    cores: float
    kb_per_answer: float
    problems: tuple[str, ...]

    def rows(self) -> dict[str, str]:
        return {
            "Sessions that failed": f"{self.failed} of {self.sessions}",
            "Worst gap between updates": f"{self.worst_gap_ms:,.0f} ms",
            "Worst gap, median session": f"{self.median_worst_gap_ms:,.0f} ms",
            "First words, median": f"{self.first_words_ms:,.0f} ms",
            "Updates of an answer, median": f"{self.updates:.0f}",
            "Server memory per session": f"{self.memory_mb_per_session:.2f} MB",
            "Server processor use": f"{self.cores:.2f} cores",
            "Bytes per answer": f"{self.kb_per_answer:,.0f} kB",
        }


def measure(server: AppServer, sessions: int) -> Load:
    """Warm the server with one visitor, then let ``sessions`` come at once."""
    assert server.process is not None
    asyncio.run(_visit(server.url, 1))
    with Watch(server.process.pid) as watch:
        answers = asyncio.run(_visit(server.url, sessions))
    done = [answer for answer in answers if answer.complete] or answers
    gaps = [answer.worst_gap * 1000 for answer in done]
    return Load(
        sessions=sessions,
        failed=sum(1 for answer in answers if not answer.complete),
        worst_gap_ms=max(gaps),
        median_worst_gap_ms=statistics.median(gaps),
        first_words_ms=statistics.median(answer.first * 1000 for answer in done),
        updates=statistics.median(len(answer.updates) for answer in done),
        memory_mb_per_session=watch.grown_mb / sessions,
        cores=watch.cpu_seconds / watch.wall_seconds,
        kb_per_answer=statistics.mean(answer.received for answer in done) / 1000,
        problems=tuple(sorted({answer.problem for answer in answers if answer.problem})),
    )


async def _visit(url: str, sessions: int) -> list[Answer]:
    expected = "".join(text_of(parse(MODEL), QUESTION))
    async with AsyncExitStack() as stack:
        visitors = [await stack.enter_async_context(Visitor(url)) for _ in range(sessions)]
        for visitor in visitors:
            await visitor.open()
        return await asyncio.gather(
            *(_ask(visitor, expected, i * RAMP_SECONDS / sessions) for i, visitor in enumerate(visitors))
        )


async def _ask(visitor: Visitor, expected: str, after: float) -> Answer:
    await asyncio.sleep(after)
    try:
        return await visitor.ask(QUESTION, expected)
    except (ConnectionError, TimeoutError) as error:
        return Answer(0.0, problem=str(error) or type(error).__name__)


def compare(sessions: int, only: str = "") -> dict[str, Load]:
    """Both programs under the same load, one after the other."""
    loads: dict[str, Load] = {}
    with clean_environment(), model_server() as model_url:
        if only != "naive":
            with sitechat(model_url, MODEL) as server:
                loads["SiteChat"] = measure(server, sessions)
        if only != "sitechat":
            with naive(model_url, MODEL) as server:
                loads["naive app"] = measure(server, sessions)
    return loads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--only", choices=("sitechat", "naive"), default="")
    options = parser.parse_args()
    for name, load in compare(options.sessions, options.only).items():
        print(f"\n{name}")
        for label, value in load.rows().items():
            print(f"  {label:28} {value}")
        for problem in load.problems:
            print(f"  problem: {problem}")


if __name__ == "__main__":
    main()
