"""One long answer with code, lists and tables: what goes over the browser's connection.

``python -m benchmarks.bytes [--tokens 8000] [--rate 200]``
"""

import argparse
import asyncio
from dataclasses import dataclass

from benchmarks.servers import clean_environment, model_server, naive, sitechat
from benchmarks.visitor import Answer, Visitor
from tests.support.app import AppServer

QUESTION = "hello"


@dataclass(frozen=True)
class Traffic:
    """What one answer put on the connection, until the page was at rest."""

    megabytes: float
    messages: int
    complete: bool

    def rows(self) -> dict[str, str]:
        return {
            "Received by the browser": f"{self.megabytes:.2f} MB",
            "Messages": f"{self.messages:,}",
            "Arrived in full": "yes" if self.complete else "no",
        }


def measure(server: AppServer, seconds: float) -> Traffic:
    answer = asyncio.run(_visit(server.url, seconds))
    return Traffic(answer.received / 1e6, answer.frames, answer.complete)


async def _visit(url: str, seconds: float) -> Answer:
    async with Visitor(url) as visitor:
        await visitor.open()
        return await visitor.ask(QUESTION, None, seconds)


def compare(tokens: int = 8000, rate: int = 200) -> dict[str, Traffic]:
    """Both programs, one after the other."""
    model, seconds = f"wire-r{rate}-n{tokens}-md", 60 + 4 * tokens / rate
    with clean_environment(), model_server() as model_url:
        with sitechat(model_url, model) as server:
            ours = measure(server, seconds)
        with naive(model_url, model) as server:
            theirs = measure(server, seconds)
    return {"SiteChat": ours, "naive app": theirs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--rate", type=int, default=200)
    options = parser.parse_args()
    for name, traffic in compare(options.tokens, options.rate).items():
        print(f"\n{name}")
        for label, value in traffic.rows().items():
            print(f"  {label:28} {value}")


if __name__ == "__main__":
    main()
