"""One evaluation: its figures, charts and failed questions, and how it differs from an earlier one."""

from collections.abc import Mapping, Sequence

import streamlit as st

from sitechat.evaluation.comparison import Comparison
from sitechat.evaluation.failures import Failure, failures
from sitechat.evaluation.outcome import Head, Run
from sitechat.evaluation.report import ANSWERED, MAIN, REFUSED, WORDS, Report, report
from sitechat.ui import actions, charts, engine, session, text
from sitechat.ui.markdown import plain

_SHOWN = 20
"""Failed questions shown at first."""

_EXCERPT = 300
"""Characters of an answer."""


def draw(run: Run) -> None:
    found = report(run)
    st.title(plain(run.head.name), anchor=False)
    st.caption(plain(text.run_facts(text.moment(session.local(run.head.at)), found.questions)))
    _figures(found.values(), MAIN)
    with st.expander(text.WITH_SETTINGS, type="compact"):
        st.table(
            [{text.SETTING: name, text.VALUE: value} for name, value in run.head.settings.items()], hide_index=True
        )
    _comparison(run.head)
    _charts(found)
    _figures(found.values(), [name for name in text.FIGURES if name not in MAIN])
    _failures(run)
    st.button(
        text.DELETE_RUN,
        icon=":material/delete:",
        type="tertiary",
        key="delete-run",
        on_click=_delete,
        args=(run.head.id,),
    )


def _figures(values: Mapping[str, float], names: Sequence[str]) -> None:
    with st.container(horizontal=True, gap="small"):
        for name in names:
            if name in values:
                label, meaning = text.FIGURES[name]
                value = text.number(round(values[name])) if name == WORDS else text.percentage(values[name])
                st.metric(label, value, help=meaning, border=True, width=171)


def _charts(found: Report) -> None:
    if found.trade_off is not None:
        st.subheader(text.TRADE_OFF, anchor=False, help=text.TRADE_OFF_HELP)
        charts.trade_off(found.trade_off, found.answers)
        if ANSWERED in found.answers and REFUSED in found.answers:
            st.caption(plain(text.present_choice(1 - found.answers[ANSWERED], 1 - found.answers[REFUSED])))
    if found.retrieval:
        st.subheader(text.DEPTH, anchor=False)
        charts.depth(found.retrieval)
    if found.milliseconds:
        st.subheader(text.DURATION, anchor=False)
        charts.durations(found.milliseconds)


# Questions that did not end as they should


def _failures(run: Run) -> None:
    st.subheader(text.FAILED_QUESTIONS, anchor=False)
    found = failures(run.outcomes)
    if not found:
        st.success(text.NO_FAILED_QUESTIONS, icon=":material/check_circle:")
        return
    st.fragment(_listed, key="failed-questions")(run.head, found, _titles(run.head))


def _listed(head: Head, found: Sequence[Failure], titles: Mapping[str, str]) -> None:
    key = f"failures-of-{head.id}"
    shown = int(st.session_state.get(key, _SHOWN))
    for place, failure in enumerate(found[:shown]):
        with st.container(border=True, key=f"failure-{place}", gap="xsmall"):
            _failure(head, failure, titles, place)
    if len(found) > shown and st.button(text.MORE_FAILURES, type="tertiary", key="more-failures"):
        st.session_state[key] = shown + _SHOWN
        st.rerun(scope="fragment")


def _failure(head: Head, failure: Failure, titles: Mapping[str, str], place: int) -> None:
    name, colour = text.FAILURES[failure.kind]
    outcome = failure.outcome
    st.badge(name, color=colour)  # type: ignore[arg-type]
    st.markdown(f"**{plain(outcome.question.text)}**")
    st.caption("  \n".join(plain(line) for line in _facts(failure, titles)))
    if head.knowledge_base_id is not None and st.button(
        text.ASK_IT, icon=":material/forum:", type="tertiary", key=f"ask-{place}"
    ):
        session.open_conversation(None)
        st.session_state[session.BASE] = head.knowledge_base_id
        actions.ask(outcome.question.text)
        st.switch_page(session.page(session.CHAT_PAGE), query_params={"c": str(session.current())})


def _facts(failure: Failure, titles: Mapping[str, str]) -> list[str]:
    outcome = failure.outcome
    expected = [titles.get(text_id, text_id) for text_id in outcome.question.relevant]
    found = titles.get(outcome.ranked[0], outcome.ranked[0]) if outcome.ranked else text.NOTHING_WAS_FOUND
    lines = [
        f"{text.EXPECTED_PAGE}: {', '.join(expected) or text.NOTHING_EXPECTED}",
        f"{text.FIRST_FOUND}: {found}",
    ]
    if outcome.question.answers:
        lines.append(f"{text.EXPECTED_WORDS}: {text.shortened(outcome.question.answers[0], _EXCERPT)}")
    reply = outcome.without if failure.kind == "made up without" else outcome.reply
    if outcome.error or reply is not None:
        said = outcome.error or (reply.content if reply is not None else "")
        lines.append(f"{text.WAS_ANSWERED}: {text.shortened(said, _EXCERPT)}")
    return lines


def _titles(head: Head) -> dict[str, str]:
    """By address, of the pages of the knowledge base, where it is still there."""
    base_id = head.knowledge_base_id
    if base_id is None:
        return {}
    documents = session.attempt(lambda r: r.knowledge.documents(session.caller(), base_id)) or []
    return {document.uri: document.title for document in documents}


def _delete(run_id: str) -> None:
    session.attempt(lambda _: engine.evaluations().delete(session.caller(), run_id))
    st.query_params.clear()


# Beside another


def _comparison(head: Head) -> None:
    others = [each for each in session.call(lambda _: engine.evaluations().runs(session.caller()))
              if each.name == head.name and each.id != head.id]  # fmt: skip
    if not others:
        return
    chosen = st.selectbox(
        text.COMPARE_WITH, [None, *others], format_func=_choice, key=f"compare-{head.id}", help=text.COMPARED_HELP
    )
    if chosen is not None:
        before, after = sorted((chosen, head), key=lambda each: each.at)
        _compared(session.call(lambda _: engine.evaluations().compare(session.caller(), before.id, after.id)))


def _choice(head: Head | None) -> str:
    if head is None:
        return text.NO_COMPARISON
    model = head.settings.get("language model", "")
    return text.run_choice(text.moment(session.local(head.at)), head.questions, model)


def _compared(found: Comparison) -> None:
    rows = [
        {
            text.FIGURE: text.FIGURES[each.measure][0],
            text.BEFORE: text.percentage(each.before),
            text.AFTER: text.percentage(each.after),
            text.DIFFERENCE: text.difference(each.after - each.before, each.low, each.high),
            text.IN_WORDS: text.VERDICTS[each.verdict],
        }
        for each in found.differences
    ]
    with st.container(key="compared"):
        st.caption(plain(text.shared_questions(found.questions)))
        changed = [text.changed_setting(*each) for each in found.changed]
        st.markdown("  \n".join(plain(line) for line in changed) or text.SAME_SETTINGS)
        st.table(rows, hide_index=True)
