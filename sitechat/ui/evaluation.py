"""The evaluation page: start one and watch it, those that were made, or one of them opened."""

import streamlit as st

from sitechat.errors import NotFound, SiteChatError
from sitechat.evaluation.outcome import Head, Run
from sitechat.evaluation.report import MAIN
from sitechat.evaluation.service import Underway
from sitechat.ui import cases, engine, evaluation_report, session, text
from sitechat.ui.markdown import plain

RUN = "run"
"""In the page's address as ``?run=``: the evaluation that is open."""

_AMOUNTS = (20, 50, 100, 200, 500)
_EVERY = 1.0
"""Seconds between two looks at an evaluation that is being made."""


def page() -> None:
    run = _opened()
    with st.container(key="notice"):
        session.show_notice()
    with session.fresh("evaluation", run.head.id if run else None):
        if run is None:
            _all()
        else:
            st.button(text.ALL_RUNS, icon=":material/arrow_back:", type="tertiary", key="all-runs", on_click=_open)
            evaluation_report.draw(run)


def _opened() -> Run | None:
    run_id = st.query_params.get(RUN)
    if not run_id:
        return None
    try:
        return session.call(lambda _: engine.evaluations().run(session.caller(), run_id))
    except NotFound:
        _open()
        st.session_state[session.NOTICE] = text.RUN_GONE
        return None


def _open(run_id: str | None = None) -> None:
    st.query_params.clear()
    if run_id:
        st.query_params[RUN] = run_id


def _all() -> None:
    st.title(text.EVALUATION, anchor=False)
    st.markdown(text.EVALUATION_INTRO)
    underway = _underway()
    if underway is not None and underway.is_open:
        st.fragment(_watch, key="watch-evaluation", run_every=_EVERY)()
    else:
        if underway is not None:
            _ended(underway)
        _new()
    _past()


# The one that is being made


def _underway() -> Underway | None:
    return session.call(lambda _: engine.evaluations().underway(session.caller()))


def _watch() -> None:
    underway = _underway()
    if underway is None or not underway.is_open:
        st.rerun()
    with st.container(border=True, key="underway"):
        st.markdown(f"**{plain(text.evaluating(underway.base.name))}**")
        asking = underway.state == "asking"
        words = text.asking(underway.done, underway.total) if asking else text.PREPARING_QUESTIONS
        with st.container(key="bar-working-evaluation"):
            st.progress(underway.done / underway.total if asking else 0.0, words)
        st.button(text.STOP_EVALUATION, icon=":material/stop_circle:", key="stop-evaluation", on_click=_stop)


def _stop() -> None:
    session.attempt(lambda _: engine.evaluations().stop(session.caller()))


def _ended(underway: Underway) -> None:
    with st.container(border=True, key="ended"):
        if underway.state == "failed":
            st.error(plain(text.evaluation_failed(underway.error)), icon=":material/error:")
        elif underway.state == "stopped":
            st.markdown(text.EVALUATION_STOPPED)
        else:
            st.markdown(f":material/check: {text.EVALUATION_ENDED}")
        with st.container(horizontal=True):
            if underway.run_id is not None:
                st.button(text.SHOW_REPORT, type="primary", key="show-report", on_click=_show, args=(underway.run_id,))
            st.button(text.DISMISS, type="tertiary", key="dismiss", on_click=_dismiss)


def _show(run_id: str) -> None:
    _dismiss()
    _open(run_id)


def _dismiss() -> None:
    session.attempt(lambda _: engine.evaluations().dismiss(session.caller()))


# A new one


def _new() -> None:
    bases = [base for base in session.call(lambda r: r.knowledge.visible(session.caller())) if base.ready]
    if not bases:
        st.info(text.NOTHING_TO_MEASURE, icon=":material/library_books:")
        return
    names = {base.id: base.name for base in bases}
    with st.container(border=True, key="new-evaluation"):
        st.markdown(f"**{text.NEW_EVALUATION}**")
        base_id = st.selectbox(
            text.EVALUATED_BASE, list(names), format_func=lambda i: names.get(i, ""), key="evaluated-base"
        )
        models = engine.runtime().models.names()
        model = st.selectbox(text.ANSWERED_BY, models, format_func=text.model_name, key="evaluated-model")
        amount = st.select_slider(
            text.HOW_MANY, _AMOUNTS, value=_AMOUNTS[1], key="evaluated-amount", help=text.HOW_MANY_HELP
        )
        cases.draw(base_id)
        if st.button(text.START_EVALUATION, type="primary", icon=":material/play_arrow:", key="start-evaluation"):
            _start(base_id, model, int(amount))


def _start(base_id: str, model: str, amount: int) -> None:
    try:
        session.call(lambda _: engine.evaluations().start(session.caller(), base_id, model=model, limit=amount))
    except SiteChatError as error:
        st.error(plain(error.message), icon=":material/error:")
        return
    st.rerun()


# Those that were made


def _past() -> None:
    heads = session.call(lambda _: engine.evaluations().runs(session.caller()))
    if not heads:
        st.info(text.NO_RUNS, icon=":material/insights:")
        return
    st.subheader(text.PAST_RUNS, anchor=False)
    for head in heads:
        _card(head)


def _card(head: Head) -> None:
    with st.container(border=True, key=f"run-{head.id}", gap="xsmall"):
        st.button(
            f"**{plain(head.name)}**", key=f"open-run-{head.id}", type="tertiary", on_click=_open, args=(head.id,)
        )
        when = text.ago(session.local(head.at), session.now())
        st.caption(plain(text.run_facts(when, head.questions)))
        figures = [f"{text.FIGURES[name][0]} **{text.percentage(head.measured[name])}**" for name in MAIN
                   if name in head.measured]  # fmt: skip
        st.markdown(" · ".join(figures))
