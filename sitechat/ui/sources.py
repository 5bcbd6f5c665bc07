"""Below an answer: the pages it is from, each opening to the passages that were used."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import streamlit as st

from sitechat.events import Citation, Closest
from sitechat.storage.values import Standing
from sitechat.ui import session, text
from sitechat.ui.evidence import Passage, passage, section
from sitechat.ui.markdown import plain

CHANGED_ICON = ":material/history:"
"""Of a source that is no longer what it was when it was cited."""


def draw(key: str, citations: Sequence[Citation], found: Mapping[int, Standing]) -> None:
    """One card a document, in the order in which the answer first uses them."""
    if not citations:
        return
    by_document: dict[str, list[Citation]] = {}
    for citation in citations:
        by_document.setdefault(citation.document_id, []).append(citation)
    with st.container(horizontal=True, gap="xsmall", key=f"sources-{key}"):
        for index, group in enumerate(by_document.values()):
            _card(f"source-{key}-{index}", group, found)


def _card(key: str, group: Sequence[Citation], found: Mapping[int, Standing]) -> None:
    now = session.now()
    shown = [passage(citation, found.get(citation.number), now) for citation in group]
    told = next((each for each in shown if not each.stands), shown[0])
    label = f"{text.shortened(group[0].title, 48)} · {told.about}"
    with st.popover(plain(label), icon=icon(group[0].url) if told.stands else CHANGED_ICON, key=key):
        st.markdown(f"**{plain(group[0].title)}**")
        for citation, each in zip(group, shown, strict=True):
            exact = text.moment(session.local(citation.read_at)) if citation.read_at else ""
            facts = [f"[{citation.number}]", section(citation), each.about, exact]
            st.caption(" · ".join(plain(fact) for fact in facts if fact))
            st.markdown(highlighted(each))
            st.link_button(text.OPEN_SOURCE, citation.url, icon=":material/open_in_new:", type="tertiary")


def highlighted(shown: Passage) -> str:
    """The passage as one paragraph, the quoted words on a coloured ground."""
    space = " " if shown.before[-1:].isspace() else ""
    gap = " " if shown.after[:1].isspace() else ""
    return f"{plain(shown.before)}{space}:yellow-background[{plain(shown.quote)}]{gap}{plain(shown.after)}"


def suggestions(key: str, pages: Sequence[Closest]) -> None:
    """The pages closest to a question that the documents do not answer."""
    if not pages:
        return
    st.caption(text.CLOSEST)
    with st.container(horizontal=True, gap="xsmall", key=f"sources-{key}"):
        for index, page in enumerate(pages):
            title = plain(text.shortened(page.title, 48))
            st.link_button(title, page.url, icon=icon(page.url), key=f"closest-{key}-{index}")


def icon(url: str) -> str:
    """What kind of source an address leads to."""
    if url.startswith("/source/"):
        return ":material/picture_as_pdf:" if "/file#page=" in url else ":material/description:"
    return ":material/picture_as_pdf:" if urlsplit(url).path.lower().endswith(".pdf") else ":material/language:"
