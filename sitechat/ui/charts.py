"""The charts of an evaluation. Their colours are readable on both grounds; nothing of them is fetched.

Altair takes a while to import, so that only pages which draw a chart pay for it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from sitechat.evaluation import measures
from sitechat.evaluation.curve import REMOVED as LEFT_OUT
from sitechat.evaluation.curve import TWISTED, Curve
from sitechat.evaluation.report import ANSWERED, REFUSED, REMOVED
from sitechat.ui import text

if TYPE_CHECKING:
    import altair as alt

_COLOURS = ["#0f8f7c", "#c2570c"]
_HEIGHT, _HEIGHT_OF_STEP = 280, 34
"""Pixels, the axes and the legend among them."""
_REFUSED_OF = {TWISTED: REFUSED, LEFT_OUT: REMOVED}


def trade_off(curve: Curve, answers: Mapping[str, float]) -> None:
    """Wrong refusals against wrong answers for every threshold, and where ``answers`` say that we stand."""
    import altair as alt

    points = [
        {"kind": text.KINDS[kind], "refusals": point.wrong_refusals, "answers": share}
        for point in curve.points
        for kind, share in point.wrong_answers.items()
    ]
    now = [
        {
            "kind": text.KINDS[kind],
            "refusals": 1 - answers[ANSWERED],
            "answers": 1 - answers[name],
            "now": text.AT_PRESENT,
        }
        for kind, name in _REFUSED_OF.items()
        if name in answers and ANSWERED in answers
    ]
    colour = alt.Color("kind:N", title=text.KIND, scale=_scale(alt, list(text.KINDS.values())), legend=_legend(alt))
    x = alt.X("refusals:Q", title=text.WRONG_REFUSALS, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    y = alt.Y("answers:Q", title=text.WRONG_ANSWERS, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    shares = [alt.Tooltip("refusals:Q", format=".1%"), alt.Tooltip("answers:Q", format=".1%")]
    line = alt.Chart(_data(alt, points)).mark_line(strokeWidth=2.5).encode(x=x, y=y, color=colour, tooltip=shares)
    base = alt.Chart(_data(alt, now))
    first = alt.Chart(_data(alt, now[:1]))
    mark = base.mark_point(size=160, filled=True).encode(x=x, y=y, color=colour, tooltip=shares)
    label = first.mark_text(align="left", dx=10, dy=-8, fontWeight="bold").encode(x=x, y=y, text="now:N", color=colour)
    _draw(line + mark + label, "trade-off", text.TRADE_OFF_HELP, height=_HEIGHT + 180)


def depth(retrieval: Mapping[str, float]) -> None:
    """Recall among the first 1, 5, 10 and 20."""
    import altair as alt

    rows = [{"depth": str(k), "found": retrieval[f"recall@{k}"]} for k in measures.DEPTHS]
    chart = (
        alt.Chart(_data(alt, rows))
        .mark_line(
            point=alt.OverlayMarkDef(size=90, filled=True, color=_COLOURS[0]), strokeWidth=2.5, color=_COLOURS[0]
        )
        .encode(
            x=alt.X("depth:O", title=text.AMONG_FIRST, sort=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("found:Q", title=text.PAGES_FOUND, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            tooltip=[alt.Tooltip("found:Q", format=".1%")],
        )
    )
    _draw(chart, "depth", ", ".join(f"{row['depth']}: {row['found']:.0%}" for row in rows))


def durations(milliseconds: Mapping[str, tuple[float, float]]) -> None:
    """Each step's p50 and p95."""
    import altair as alt

    rows = [
        {"step": text.STEP_NAMES.get(step, step), "of": name, "ms": spent}
        for step, both in milliseconds.items()
        for name, spent in zip((text.HALF, text.MOST), both, strict=True)
    ]
    chart = (
        alt.Chart(_data(alt, rows))
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("ms:Q", title=text.MILLISECONDS),
            y=alt.Y("step:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
            yOffset=alt.YOffset("of:N", sort=None),
            color=alt.Color(
                "of:N", title=text.SHARE_OF_QUESTIONS, scale=_scale(alt, [text.HALF, text.MOST]), legend=_legend(alt)
            ),
            tooltip=[alt.Tooltip("ms:Q", format=".1f")],
        )
    )
    _draw(
        chart,
        "durations",
        "; ".join(f"{row['step']}, {row['of']} {row['ms']:.0f} ms" for row in rows),
        height=150 + len(rows) * _HEIGHT_OF_STEP // 2,
    )


def _data(alt: Any, rows: list[dict[str, Any]]) -> Any:
    return alt.Data(values=rows)


def _scale(alt: Any, names: list[str]) -> Any:
    return alt.Scale(domain=names, range=_COLOURS)


def _legend(alt: Any) -> Any:
    return alt.Legend(orient="bottom", direction="vertical", labelLimit=320)


def _draw(chart: "alt.Chart | alt.LayerChart", key: str, said: str, *, height: int = _HEIGHT) -> None:
    """``said`` is what a screen reader says in place of the chart."""
    st.altair_chart(chart.properties(height=height), width="stretch", key=f"chart-{key}", alt=said)
