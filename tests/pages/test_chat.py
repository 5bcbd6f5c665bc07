"""The chat page, from the empty page to what becomes of a question."""

import pytest
from streamlit.testing.v1 import AppTest

from sitechat.events import AnswerMetadata
from sitechat.identity import LOCAL
from sitechat.storage.conversations import ConversationStore, NewAnswer
from sitechat.storage.tables import new_id
from sitechat.ui import engine, text
from tests.pages.conftest import GUIDE, QUESTION, Pages


def ask(app: AppTest, question: str, model: str | None = None) -> AppTest:
    if model is not None:
        app.selectbox(key="model").set_value(model)
    return app.chat_input[0].set_value(question).run()


def written(app: AppTest) -> str:
    """All Markdown of the page."""
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.warning, *app.error])


def test_the_empty_page_says_what_this_is_and_what_to_ask(pages: Pages) -> None:
    app = pages.chat()
    assert not app.exception
    assert app.title[0].value == text.ASK_TITLE
    assert app.button(key="sample-0").label == QUESTION
    assert not app.chat_input[0].disabled


def test_a_sample_question_is_answered_with_evidence(pages: Pages) -> None:
    app = pages.chat().button(key="sample-0").click().run()
    assert not app.exception
    thread = pages.thread(app)
    assert [message.role for message in thread.messages] == ["user", "assistant"]
    answer = thread.messages[1]
    assert answer.citations
    assert '"Source 1: guide' in written(app) or '"Source 1: Kettle guide' in written(app)
    assert any(text.answered(1, answer.metadata.duration_ms / 1000) == e.label for e in app.expander if answer.metadata)


def test_a_sentence_that_no_source_supports_stays_and_says_that_it_is_to_be_checked(pages: Pages) -> None:
    script = next(spec for spec in pages.runtime.settings.models.split(",") if spec.startswith("scripted/"))
    app = ask(pages.chat(), QUESTION, script)
    assert not app.exception
    answer = pages.thread(app).messages[1]
    assert answer.metadata is not None
    assert [each.support for each in answer.metadata.support] == ["supported", "unsupported"]
    shown = written(app)
    assert text.to_check(1) in shown
    assert "lasts for 42 years" in shown
    assert f"{text.CHECK_THIS}: The number 42 is not in the source." in shown
    assert answer.content.endswith("42 years."), "a mark that does not hold is taken away"


def test_a_typed_question_opens_a_conversation_that_another_tab_finds(pages: Pages) -> None:
    app = ask(pages.chat(), "Hello")
    again = pages.chat(str(app.query_params["c"]))
    assert len(again.chat_message) == 2
    assert "Hello" in written(again)


def test_a_second_question_goes_on_in_the_same_conversation(pages: Pages) -> None:
    app = ask(ask(pages.chat(), "Hello"), QUESTION)
    assert len(pages.thread(app).messages) == 4


def test_a_failure_keeps_the_question_and_offers_another_try(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION, "openai/wire-e500")
    assert not app.exception
    assert len(app.warning) == 1
    assert "Traceback" not in written(app)
    assert "sk-of" not in written(app)
    thread = pages.thread(app)
    assert thread.messages == ()
    assert thread.turn is not None
    assert QUESTION in written(app)
    app.selectbox(key="model").set_value("openai/wire-cite-n30")
    app.button(key=f"retry-{thread.turn.id}").click().run()
    assert [message.role for message in pages.thread(app).messages] == ["user", "assistant"]


def test_text_that_had_arrived_stays_marked_as_interrupted(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION, "openai/wire-n30-c9")
    turn = pages.thread(app).turn
    assert turn is not None
    assert turn.text
    assert turn.text[:10] in written(app)
    assert text.INTERRUPTED in written(app)


def test_a_discarded_question_leaves_the_conversation(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION, "openai/wire-e500")
    turn = pages.thread(app).turn
    assert turn is not None
    app.button(key=f"discard-{turn.id}").click().run()
    assert pages.thread(app).turn is None
    assert not app.warning


def test_a_rate_limit_says_when_to_come_back(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION, "openai/wire-e429-ra7")
    turn = pages.thread(app).turn
    assert turn is not None
    assert turn.retry_after
    assert app.button(key=f"retry-{turn.id}").disabled
    assert "You can retry in" in written(app)


def test_what_the_documents_do_not_answer_is_said_and_can_be_reported(pages: Pages) -> None:
    app = ask(pages.chat(), "Who won the football match on Sunday?", "extractive")
    message = pages.thread(app).messages[1]
    assert message.refused
    assert text.CLOSEST in written(app)
    app.text_area(key=f"gap-words-{message.id}").input("Match results")
    app.button(key=f"gap-send-{message.id}").click().run()
    feedback = pages.thread(app).messages[1].feedback
    assert feedback is not None
    assert (feedback.rating, feedback.comment) == (-1, "Match results")


@pytest.mark.parametrize("caution", [True, False])
def test_an_answer_from_evidence_that_may_not_be_enough_says_so(pages: Pages, caution: bool) -> None:
    store, turn = ConversationStore(pages.runtime.db), new_id()
    conversation = pages.runtime.call(store.create(LOCAL, "Warranty", pages.base.id))
    metadata = AnswerMetadata(
        intent="qa", conversation_id=conversation.id, provider="p", model="m", prompt_version="1", caution=caution
    )
    given = NewAnswer("Three years.", "complete", metadata, (), ())
    pages.runtime.call(store.add_exchange(conversation.id, turn, QUESTION, given, None))
    assert (text.CAUTION in written(pages.chat(conversation.id))) is caution


def test_an_answer_can_be_written_again(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION)
    first = pages.thread(app).messages[1]
    app.button(key=f"again-{first.id}").click().run()
    messages = pages.thread(app).messages
    assert len(messages) == 2
    assert messages[1].id != first.id


def test_a_thumb_and_its_comment_are_kept(pages: Pages) -> None:
    app = ask(pages.chat(), QUESTION)
    message = pages.thread(app).messages[1]
    app.feedback[0].set_value(0).run()
    app.text_input(key=f"words-{message.id}").input("Too short")
    app.button(key=f"FormSubmitter:comment-{message.id}-{text.SEND}").click().run()
    feedback = pages.thread(app).messages[1].feedback
    assert feedback is not None
    assert (feedback.rating, feedback.comment) == (-1, "Too short")


def test_a_source_that_has_changed_since_is_marked_below_the_answer(pages: Pages) -> None:
    base = pages.runtime.call(pages.runtime.knowledge.create(LOCAL, "Changing"))
    pages.add(base, "guide.md", GUIDE)
    app = pages.chat()
    app.selectbox(key="knowledge_base").set_value(base.id).run()
    app = ask(app, QUESTION, "extractive")
    assert "read just now" in written(app)
    pages.add(base, "guide.md", f"# Preface\n\nSomething new.\n\n{GUIDE}")
    assert "read just now" in written(app.run()), "the words are still there"
    pages.add(base, "guide.md", GUIDE.replace("three years", "two years"))
    assert "This source has changed since" in written(app.run())
    (document,) = pages.runtime.call(pages.runtime.knowledge.documents(LOCAL, base.id))
    pages.runtime.call(pages.runtime.knowledge.delete_document(LOCAL, document.id))
    assert text.NO_LONGER in written(app.run())
    assert not app.exception
    pages.runtime.call(pages.runtime.knowledge.delete(LOCAL, base.id))


def test_a_knowledge_base_with_nothing_in_it_cannot_be_asked(pages: Pages) -> None:
    empty = pages.runtime.call(pages.runtime.knowledge.create(LOCAL, "Nothing yet"))
    app = pages.chat()
    app.selectbox(key="knowledge_base").set_value(empty.id).run()
    assert app.chat_input[0].disabled
    assert text.nothing_to_serve("Nothing yet") in [info.value for info in app.info]
    pages.runtime.call(pages.runtime.knowledge.delete(LOCAL, empty.id))


def test_a_conversation_that_is_gone_is_said_so(pages: Pages) -> None:
    app = pages.chat("0" * 32)
    assert app.title[0].value == text.ASK_TITLE
    assert [error.value for error in app.error] == [text.GONE]


def test_a_question_that_cannot_be_asked_is_said_so_and_not_lost(pages: Pages) -> None:
    app = ask(pages.chat(), "x" * 20_001)
    assert "20,000 is the most" in app.error[0].value
    assert "c" not in app.query_params


def test_text_of_a_person_is_never_read_as_markdown(pages: Pages) -> None:
    app = ask(pages.chat(), "![x](http://x.test/i.png) :red[hello] $a$ <b>")
    assert r"\!\[x\]" in written(app)


class TestSidebar:
    def test_conversations_are_found_by_their_words(self, pages: Pages) -> None:
        app = ask(pages.chat(), "Hello there")
        mine = str(app.query_params["c"])
        app.text_input(key="search").set_value("no such words").run()
        assert text.NOTHING_FOUND in [caption.value for caption in app.sidebar.caption]
        app.text_input(key="search").set_value("hello").run()
        assert app.button(key=f"open-{mine}").label == "Hello there"

    def test_a_conversation_is_renamed(self, pages: Pages) -> None:
        app = ask(pages.chat(), "Hello")
        mine = str(app.query_params["c"])
        app.text_input(key=f"title-{mine}").set_value("Kettles *and* pots").run()
        assert pages.thread(app).conversation.title == "Kettles *and* pots"
        assert app.button(key=f"open-{mine}").label == r"Kettles \*and\* pots"

    def test_a_deleted_conversation_can_be_brought_back(self, pages: Pages) -> None:
        app = ask(pages.chat(), "Hello")
        mine = str(app.query_params["c"])
        app.button(key=f"delete-{mine}").click().run()
        assert "c" not in app.query_params
        app.button(key="undo-delete").click().run()
        assert app.query_params["c"] == mine
        assert len(app.chat_message) == 2


def test_a_data_directory_in_use_is_said_without_a_traceback(
    other_engine: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.runtime.clear()
    monkeypatch.setenv("SITECHAT_DATA_DIR", str(other_engine))
    app = AppTest.from_function(_main, default_timeout=60).run()
    assert app.title[0].value == text.NOT_RUNNING
    assert len(app.error) == 1
    assert not app.exception


def _main() -> None:
    from sitechat.ui import app

    app.main()
