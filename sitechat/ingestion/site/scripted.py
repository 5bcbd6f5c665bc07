"""Tells pages that are empty until their scripts have run."""

import re
from itertools import islice

from lxml import etree
from lxml.html import HtmlElement

from sitechat.ingestion.formats.html_walk import tag_of

_FEW_LETTERS = 200
_MOUNTS = frozenset(
    {
        *("root", "app", "__next", "__nuxt", "___gatsby", "q-app", "ember-app", "svelte", "react-root", "app-root"),
        *("main-app", "application", "vue-app", "reactroot"),
    }
)
_MOUNT_TAGS = frozenset({"app-root", "my-app", "ng-app"})
_NEEDS_SCRIPT = re.compile(r"java\s?script", re.IGNORECASE)
_UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "svg"})


def looks_empty(tree: HtmlElement) -> bool:
    """Whether a page has scripts, hardly a word, and a sign that the words would come by script.

    A short page without such a sign is just short.
    """
    body = tree.find("body")
    if body is None or next(tree.iter("script"), None) is None or _letters(body) >= _FEW_LETTERS:
        return False
    return any(_is_mount(element) for element in body.iter()) or any(
        _NEEDS_SCRIPT.search(str(element.text_content())[:2000]) for element in islice(tree.iter("noscript"), 20)
    )


def _is_mount(element: HtmlElement) -> bool:
    """Whether scripts are known to write into an element of that name."""
    tag = tag_of(element)
    if tag in _MOUNT_TAGS:
        return True
    return tag in ("div", "main", "section") and (element.get("id") or "").lower() in _MOUNTS


def _letters(body: HtmlElement) -> int:
    """How many letters are shown, counted no further than needed to call them many."""
    count = 0
    hidden = 0
    for event, element in etree.iterwalk(body, events=("start", "end")):
        if tag_of(element) in _UNSEEN:
            hidden += 1 if event == "start" else -1
        text = element.text if event == "start" else element.tail if element is not body else ""
        if text and not hidden:
            count += sum(map(str.isalnum, text))
            if count >= _FEW_LETTERS:
                break
    return count
