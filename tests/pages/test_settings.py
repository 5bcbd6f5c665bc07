"""The settings page: what is in force, and no secret."""

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Pages


def everything(app: AppTest) -> str:
    tables = [table.value.to_string() for table in app.table]
    return "\n".join([*(e.value for e in [*app.markdown, *app.caption, *app.success, *app.error]), *tables])


def test_what_is_in_force_is_shown_and_secrets_are_masked(pages: Pages) -> None:
    app = pages.settings()
    assert not app.exception
    assert "openai/wire-cite-n30" in everything(app)
    assert "SITECHAT_DATA_DIR" in everything(app)
    assert "ends in …x4Kd" in everything(app)
    assert "sk-of-a-test" not in everything(app)


def test_the_connection_to_the_model_can_be_tested(pages: Pages) -> None:
    app = pages.settings().button(key="test-model").click().run()
    assert len(app.success) == 1


def test_a_model_that_cannot_be_reached_says_why(pages: Pages) -> None:
    port = pages.wire.port
    pages.wire.stop()
    app = pages.settings().button(key="test-model").click().run()
    assert len(app.error) == 1
    assert str(port) in app.error[0].value or "reach" in app.error[0].value
