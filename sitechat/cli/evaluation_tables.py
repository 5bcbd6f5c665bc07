"""An evaluation on the terminal: its ranking beside the baselines, its answers, its times."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from sitechat.cli.base import results
from sitechat.evaluation.curve import Curve
from sitechat.evaluation.report import WORDS, Report

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
        results.print(_thresholds(found.trade_off))
    for step, (median, slow) in found.milliseconds.items():
        results.print(f"  {f'{step}, p50 and p95':34} {median:.1f} ms, {slow:.1f} ms")
    results.print(f"  kept as {found.id}\n")


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
