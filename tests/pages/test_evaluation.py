"""The evaluation page: it teaches while it is empty, starts, watches and stops, and shows what was found."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from sitechat.errors import Unavailable
from sitechat.evaluation.outcome import Outcome, Run
from sitechat.evaluation.own_questions import prepared
from sitechat.evaluation.report import report
from sitechat.evaluation.runs import Runs
from sitechat.identity import LOCAL, Caller
from sitechat.ui import engine, text
from tests.evaluation.outcomes import asked, reply, run_of
from tests.pages.conftest import Pages

OUTCOMES = (
    Outcome(
        asked("a"),
        ("a",),
        {"retrieving": 12.0},
        reply(2.0, content="Three years [1].", words=2, cited=("a",)),
        reply(0.3, refused=True),
    ),
    Outcome(asked("b", relevant=("b",)), ("x", "b"), {"retrieving": 30.0}, reply(1.1, refused=True), reply(1.5)),
    Outcome(asked("c", answerable=False), ("x",), {"retrieving": 9.0}, reply(1.6, content="Made *up*.", words=2)),
)


@pytest.fixture(autouse=True)
def nothing_measured(pages: Pages) -> Iterator[None]:
    yield
    runs = Runs(pages.runtime.settings.data_dir)
    for head in runs.all(LOCAL):
        runs.delete(LOCAL, head.id)
    service = engine.evaluations()
    pages.runtime.call(service.stop(LOCAL))
    pages.runtime.call(service.dismiss(LOCAL))


def keep(pages: Pages, *outcomes: Outcome, run_id: str = "1-kettles", day: int = 1) -> Run:
    run = run_of(*outcomes, name=pages.base.name, run_id=run_id, day=day)
    head = replace(run.head, knowledge_base_id=pages.base.id, measured=report(run).values())
    Runs(pages.runtime.settings.data_dir).save(Run(head, run.outcomes))
    return Run(head, run.outcomes)


def words(app: AppTest) -> str:
    said = [*app.markdown, *app.caption, *app.info, *app.title, *app.subheader, *app.success]
    return "\n".join(str(element.value) for element in said)


def test_while_it_is_empty_it_says_what_goes_here(pages: Pages) -> None:
    app = pages.evaluation()
    assert not app.exception
    assert app.title[0].value == text.EVALUATION
    assert [info.value for info in app.info] == [text.NO_RUNS]
    assert app.selectbox(key="evaluated-base").options == [pages.base.name]


def test_one_is_started_watched_and_stopped(pages: Pages) -> None:
    pages.add(pages.base, "history.md", "Anna Berg designed the kettle in 1987. The kettle was built in Malmo.")
    app = pages.evaluation()
    app.selectbox(key="evaluated-model").set_value("openai/wire-h3")
    app.button(key="start-evaluation").click().run()
    assert not app.exception
    watching = pages.evaluation()
    assert text.evaluating(pages.base.name) in words(watching)
    assert "start-evaluation" not in [button.key for button in watching.button]
    underway = pages.runtime.call(engine.evaluations().underway(LOCAL))
    assert underway is not None
    assert (underway.base.id, underway.model, underway.limit) == (pages.base.id, "openai/wire-h3", 50)
    assert pages.runtime.call(engine.evaluations().underway(Caller("someone else"))) is None
    with pytest.raises(Unavailable, match="Another evaluation is being made"):
        pages.runtime.call(engine.evaluations().start(LOCAL, pages.base.id, model="extractive", limit=20))

    watching.button(key="stop-evaluation").click().run()
    assert text.EVALUATION_STOPPED in words(watching)
    watching.button(key="dismiss").click().run()
    assert "dismiss" not in [button.key for button in watching.button]
    assert [info.value for info in watching.info] == [text.NO_RUNS]


def test_one_that_has_ended_leads_to_its_report(pages: Pages) -> None:
    pages.add(pages.base, "history.md", "Anna Berg designed the kettle in 1987. The kettle was built in Malmo.")
    service = engine.evaluations()

    pages.runtime.call(service.start(LOCAL, pages.base.id, model="extractive", limit=20))
    while (underway := pages.runtime.call(service.underway(LOCAL))) is not None and underway.is_open:
        time.sleep(0.05)
    app = pages.evaluation()
    assert text.EVALUATION_ENDED in words(app)
    app.button(key="show-report").click().run()
    assert not app.exception
    assert app.title[0].value == pages.base.name
    assert text.FIGURES["answerable answered"][0] in [metric.label for metric in app.metric]


def test_an_answer_that_was_not_right_is_asked_for_in_every_evaluation(pages: Pages) -> None:
    runtime = pages.runtime
    chat = pages.chat()
    chat.selectbox(key="knowledge_base").set_value(pages.base.id).run()
    chat.chat_input[0].set_value("How long does the warranty last?").run()
    answer = pages.thread(chat).messages[-1]
    chat.feedback(key=f"thumbs-{answer.id}").set_value(0).run()
    page = next(document for document in runtime.call(runtime.cases.pages(LOCAL, answer.id)) if "guide" in document.uri)
    offered = chat.selectbox(key=f"right-page-{answer.id}").options
    assert offered[0] == text.NO_PAGE
    assert page.title in offered
    runtime.call(runtime.cases.tell(LOCAL, answer.id, uri=page.uri, wording="three years"))

    (case,) = runtime.call(runtime.cases.of(LOCAL, pages.base.id))
    assert (case.question, case.uri, case.wording) == ("How long does the warranty last?", page.uri, "three years")
    _, questions = runtime.call(prepared(runtime, LOCAL, pages.base, model="extractive", limit=5))
    assert questions[0].id == f"case-{case.id}"
    assert questions[0].relevant == {page.uri: 1.0}

    app = pages.evaluation()
    app.selectbox(key=f"case-page-{case.id}").select(text.NO_PAGE).run()
    app.text_input(key=f"case-words-{case.id}").set_value("").run()
    assert text.TO_BE_REFUSED in words(app)
    assert not runtime.call(runtime.cases.of(LOCAL, pages.base.id))[0].answerable
    app.button(key=f"drop-{case.id}").click().run()
    assert runtime.call(runtime.cases.of(LOCAL, pages.base.id)) == []


def test_a_report_has_its_figures_charts_and_failed_questions(pages: Pages) -> None:
    run = keep(pages, *OUTCOMES)
    listed = pages.evaluation()
    assert text.PAST_RUNS in words(listed)
    listed.button(key=f"open-run-{run.head.id}").click().run()
    assert listed.query_params["run"] == run.head.id

    app = pages.evaluation(run.head.id)
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures[text.FIGURES["answerable answered"][0]] == "50%"
    assert figures[text.FIGURES["recall@1"][0]] == "50%"
    assert figures[text.FIGURES["unanswerable refused"][0]] == "0%"
    assert len(app.get("vega_lite_chart")) + len(app.get("arrow_vega_lite_chart")) == 3
    said = words(app)
    assert text.present_choice(0.5, 1.0) in said
    assert "What is b?" in said
    assert "What is c?" in said
    assert r"Made \*up\*." in said
    assert "What is a?" not in said


def test_two_are_compared_with_their_intervals(pages: Pages) -> None:
    keep(pages, *(Outcome(asked(str(number)), ("x",)) for number in range(12)))
    after = keep(pages, *(Outcome(asked(str(number)), ("a",)) for number in range(12)), run_id="2-kettles", day=2)
    app = pages.evaluation(after.head.id)
    chosen = app.selectbox(key=f"compare-{after.head.id}")
    chosen.select_index(1).run()
    assert not app.exception
    by_figure = {row[text.FIGURE]: row for _, row in app.table[-1].value.iterrows()}
    first = by_figure[text.FIGURES["recall@1"][0]]
    assert (first[text.BEFORE], first[text.AFTER]) == ("0%", "100%")
    assert first[text.DIFFERENCE] == text.difference(1, 1, 1)
    assert first[text.IN_WORDS] == text.VERDICTS["better"]


def test_an_evaluation_can_be_deleted_and_one_that_is_gone_says_so(pages: Pages) -> None:
    run = keep(pages, Outcome(asked("a"), ("a",), reply=reply(2.0, cited=("a",))))
    app = pages.evaluation(run.head.id)
    assert text.NO_FAILED_QUESTIONS in words(app)
    app.button(key="delete-run").click().run()
    assert [info.value for info in app.info] == [text.NO_RUNS]
    gone = pages.evaluation(run.head.id)
    assert [error.value for error in gone.error] == [text.RUN_GONE]
