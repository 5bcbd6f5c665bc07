"""An evaluation on the terminal: its ranking beside the baselines, its answers, its times."""

import json
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from sitechat.cli.base import results
from sitechat.evaluation.comparison import Comparison
from sitechat.evaluation.curve import Curve
from sitechat.evaluation.outcome import Head
from sitechat.evaluation.report import MAIN, WORDS, Report

_SHORT = {"recall": "R", "mrr": "MRR", "ndcg": "nDCG"}
_SHOWN_REFUSALS = (0.02, 0.05, 0.07, 0.1, 0.15)
"""Shares of wrong refusals whose thresholds are listed."""


def show(found: Report) -> None:
    results.print(
        f"[bold]{escape(found.name)}[/]  {found.questions:,} questions, {found.judged:,} with known texts"
        + (f", {found.failed:,} could not be asked" if found.failed else "")
    )
    if found.retrieval:
        results.print(_rankings(found))
    for name, value in found.answers.items():
        results.print(f"  {name:34} {f'{value:.1f}' if name == WORDS else f'{value:.3f}'}")
    if found.trade_off is not None:
        if found.trade_off.threshold is not None:
            results.print(f"  {'threshold in force':34} {found.trade_off.threshold:.3f}")
        results.print(_thresholds(found.trade_off))
    for step, (median, slow) in found.milliseconds.items():
        results.print(f"  {f'{step}, p50 and p95':34} {median:.1f} ms, {slow:.1f} ms")
    results.print(f"  kept as {found.id}\n")


def show_comparison(found: Comparison, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found.as_json()), flush=True)
        return
    results.print(f"[bold]{escape(found.after)}[/] against {escape(found.before)}, on {found.questions:,} questions")
    for name, before, after in found.changed:
        results.print(f"  {escape(name)}: {escape(before)} → {escape(after)}")
    table = Table("", "before", "after", "difference, 95 %", "", box=SIMPLE_HEAD, pad_edge=False)
    for each in found.differences:
        interval = f"{each.after - each.before:+.3f}  [{each.low:+.3f}, {each.high:+.3f}]"
        style = {"better": "green", "worse": "red"}.get(each.verdict)
        table.add_row(
            each.measure, f"{each.before:.3f}", f"{each.after:.3f}", escape(interval), each.verdict, style=style
        )
    results.print(table)


def show_runs(heads: Sequence[Head], as_json: bool) -> None:
    for head in heads:
        if as_json:
            print(TypeAdapter(Head).dump_json(head).decode(), flush=True)
        else:
            main = "  ".join(f"{name} {head.measured[name]:.3f}" for name in MAIN if name in head.measured)
            results.print(f"{escape(head.id)}  {head.questions:,} questions  {main}")
    if not heads and not as_json:
        results.print("No evaluation has been made yet.")


def _rankings(found: Report) -> Table:
    table = Table("", *map(_heading, found.retrieval), box=SIMPLE_HEAD, pad_edge=False)
    table.add_row("SiteChat", *_cells(found.retrieval), style="bold")
    for name, measured in found.baselines.items():
        table.add_row(name, *_cells(measured))
    return table


def _thresholds(trade_off: Curve) -> Table:
    """What some of the thresholds would cost; the whole curve is in the JSON and on the page."""
    kinds = list(trade_off.auroc)
    table = Table("refused below", "wrong refusals", *(f"{kind}, yet answered" for kind in kinds), box=SIMPLE_HEAD)
    for share in _SHOWN_REFUSALS:
        point = max((p for p in trade_off.points if p.wrong_refusals <= share), key=lambda p: p.threshold, default=None)
        if point is not None:
            wrong = (f"{point.wrong_answers[kind]:.1%}" for kind in kinds)
            table.add_row(f"{point.threshold:.3f}", f"{point.wrong_refusals:.1%}", *wrong)
    return table


def _heading(measure: str) -> str:
    name, _, depth = measure.partition("@")
    return f"{_SHORT.get(name, name)}@{depth}"


def _cells(measured: Mapping[str, float]) -> list[str]:
    return [f"{value:.3f}".removeprefix("0") for value in measured.values()]
