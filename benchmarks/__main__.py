"""Everything that is measured, one after the other; writes ``benchmarks/RESULTS.md``. On an idle machine only.

``python -m benchmarks [--sessions 100] [--tokens 8000] [--passages 10000]``
"""

import argparse
import datetime
import os
from collections.abc import Mapping
from pathlib import Path

from benchmarks import bytes as traffic
from benchmarks import ingestion, sessions, startup
from benchmarks.servers import machine

RESULTS = Path(__file__).parent / "RESULTS.md"
_HEAD = """\
# Results

Written by `make bench`. The naive app is `benchmarks/peers/naive_app.py`: the chat that Streamlit's tutorials teach,
with Streamlit's own defaults. Both get their answers from the same stand-in for a model
(`tests/servers/openai_wire.py`), and load, model and server share the machine's processors. Times are of this machine;
bytes are of any.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--passages", type=int, default=10_000)
    options = parser.parse_args()
    load_before = os.getloadavg()[0]

    report = [
        _HEAD,
        _facts(
            {
                **machine(),
                "Date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
                "Load before": f"{load_before:.2f}",
            }
        ),
    ]
    if load_before > 0.5:
        print(f"This machine is busy (load {load_before:.2f}); times will be worse than they are.")
    loads = sessions.compare(options.sessions)
    report.append(
        f"## {options.sessions} sessions, 200 tokens each at 50 a second\n\n"
        "`python -m benchmarks.sessions`: all pages are open; the questions come within four seconds.\n\n"
        + _side_by_side({name: load.rows() for name, load in loads.items()})
        + _ratio("worst gap", loads["naive app"].worst_gap_ms, loads["SiteChat"].worst_gap_ms)
    )
    answers = traffic.compare(options.tokens)
    report.append(
        f"## One answer of {options.tokens:,} tokens at 200 a second\n\n`python -m benchmarks.bytes`\n\n"
        + _side_by_side({name: answer.rows() for name, answer in answers.items()})
        + _ratio("bytes", answers["naive app"].megabytes, answers["SiteChat"].megabytes)
    )
    start = startup.measure(options.passages)
    report.append(f"## Starting\n\n`python -m benchmarks.startup`\n\n{_facts(start.rows())}")
    read = ingestion.measure(options.passages)
    report.append(f"## Ingestion\n\n`python -m benchmarks.ingestion`\n\n{_facts(read.rows())}")
    text = "\n".join(report)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def _facts(rows: Mapping[str, str]) -> str:
    return "| | |\n| --- | --- |\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())


def _side_by_side(columns: Mapping[str, Mapping[str, str]]) -> str:
    names = list(columns)
    lines = [f"| | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    lines += [f"| {row} | {' | '.join(columns[name][row] for name in names)} |" for row in columns[names[0]]]
    return "\n".join(lines) + "\n"


def _ratio(what: str, theirs: float, ours: float) -> str:
    return f"\nThe naive app's {what}: {theirs / ours:.1f} times SiteChat's.\n" if ours else ""


if __name__ == "__main__":
    main()
