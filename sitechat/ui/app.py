"""The page: what every run draws first, and which of the pages it then runs."""

import streamlit as st

from sitechat.errors import SiteChatError
from sitechat.ui import (
    assets,
    bell,
    chat,
    engine,
    evaluation,
    finished,
    knowledge,
    session,
    settings_page,
    sidebar,
    text,
)
from sitechat.ui.markdown import plain


def main() -> None:
    pages = {
        session.CHAT_PAGE: st.Page(chat.page, title=text.CHAT, default=True),
        session.KNOWLEDGE_PAGE: st.Page(knowledge.page, title=text.KNOWLEDGE, url_path="knowledge"),
        session.EVALUATION_PAGE: st.Page(evaluation.page, title=text.EVALUATION, url_path="evaluation"),
        session.SETTINGS_PAGE: st.Page(settings_page.page, title=text.SETTINGS, url_path="settings"),
    }
    session.remember_pages(pages)
    # Pages have no icons, and the sidebar draws the navigation itself: Streamlit makes a page's icon the favicon and
    # has the browser fetch it from a font host.
    page = st.navigation(list(pages.values()), position="hidden")
    st.set_page_config(f"{page.title} · {text.PRODUCT}", assets.FAVICON, layout="centered", menu_items={})
    st.logo(assets.LOGO, size="large")
    assets.style()
    try:
        engine.runtime()
    except SiteChatError as error:
        _could_not_start(error)
        return
    bell.begin()
    with st.container(key="unseen-bell"):
        bell.draw()
        finished.draw()
    sidebar.draw()
    page.run()


def _could_not_start(error: SiteChatError) -> None:
    st.title(text.NOT_RUNNING)
    st.error("\n".join(plain(line) + "  " for line in error.message.splitlines()), icon=":material/error:")
    st.caption(text.NOT_RUNNING_HELP)


if __name__ == "__main__":
    main()
