"""“How this was found”: closed and unread below every answer, and what it shows to those who open it."""

import sqlite3

from streamlit.testing.v1 import AppTest

from sitechat.identity import LOCAL
from sitechat.ui import text
from tests.pages.conftest import QUESTION, Pages
from tests.pages.test_chat import ask, written


def opened(app: AppTest, answer_id: str) -> AppTest:
    """The page with “How this was found” open below an answer."""
    app.session_state[f"how-{answer_id}"] = True
    return app.run()


def test_how_an_answer_was_found_is_there_to_be_opened(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION)
    message = pages.thread(app).messages[1]
    assert [expander.label for expander in app.expander].count(text.HOW_FOUND) == 1
    assert not app.dataframe
    assert text.PASSAGES_TAB not in [tab.label for tab in app.tabs]
    app = opened(app, message.id)
    assert not app.exception
    assert [tab.label for tab in app.tabs] == [
        text.PASSAGES_TAB,
        text.STEPS_TAB,
        text.PROMPT_TAB,
        text.JUDGEMENTS_TAB,
    ]
    found, steps = (frame.value for frame in app.dataframe)
    trace = pages.runtime.call(pages.runtime.conversations.trace(LOCAL, message.id))
    assert list(found[text.GIVEN]) == [f"[{number}]" for number in range(1, len(trace.passages) + 1)]
    assert "[1]" in next(iter(found[text.CITED]))
    assert list(found[text.PAGE]) == [passage.title for passage in trace.passages]
    assert list(found["Nearness"]) == [passage.found.cosine for passage in trace.passages]
    assert [step.message for step in trace.steps] == list(steps[text.STEP])
    assert [message.content for message in trace.prompt] == [code.value for code in app.tabs[2].code]
    assert app.code[-1].value.endswith(f"sitechat replay {message.id}")
    assert text.searched_for(QUESTION) in written(app)
    assert "“Kettles”" in written(app)


def test_only_the_trace_that_is_opened_is_read(pages: Pages) -> None:
    app = ask(ask(pages.chat(), QUESTION), "Hello")
    first, second = (message.id for message in pages.thread(app).messages if message.role == "assistant")
    with sqlite3.connect(pages.runtime.db.path) as connection:
        connection.execute("UPDATE traces SET data = x'00' WHERE message_id = ?", [first])
    app = opened(app, second)
    assert not app.exception
    assert [tab.label for tab in app.tabs] == [text.STEPS_TAB, text.PROMPT_TAB]


def test_how_far_a_question_came_that_failed_can_be_seen(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION, "openai/wire-e500")
    turn = pages.thread(app).turn
    assert turn is not None
    app = opened(app, turn.id)
    assert not app.exception
    assert [tab.label for tab in app.tabs][:3] == [text.PASSAGES_TAB, text.STEPS_TAB, text.PROMPT_TAB]


def test_an_answer_from_before_traces_says_that_none_was_kept(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION)
    message = pages.thread(app).messages[1]
    with sqlite3.connect(pages.runtime.db.path) as connection:
        connection.execute("DELETE FROM traces")
    app = opened(app, message.id)
    assert not app.exception
    assert "was not kept" in written(app)
