"""Looks a file through for what people do not see in it, in the process that reads it.

It looks at a file's text as it arrived: extraction takes out what is invisible, and would leave nothing to find.
"""

from lxml import etree

from sitechat.ingestion.formats.base import Extracted, Flag, Unreadable
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.html_tree import declared_charset, parse_html
from sitechat.ingestion.formats.names import split_media_type
from sitechat.ingestion.formats.registry import choose
from sitechat.ingestion.suspicion import flags
from sitechat.ingestion.suspicion_hidden import hidden_passages

_MOST = 2_000_000
"""Characters looked through: it takes about a second."""
_UNSEEN = ("script", "style", "template", "noscript", "svg")


def inspect(data: bytes, extracted: Extracted, name: str, media_type: str | None) -> tuple[Flag, ...]:
    """What a person should look at in ``data``, from which ``extracted`` was made."""
    declared, charset = split_media_type(media_type)
    kinds = choose(data, name, declared).media_types
    if "text/html" in kinds:
        return _of_page(data, charset)
    if any(kind.startswith("text/") for kind in kinds):
        return flags(decode(data, charset)[:_MOST])
    return flags(extracted.text[:_MOST])


def _of_page(data: bytes, charset: str | None) -> tuple[Flag, ...]:
    try:
        tree = parse_html(decode(data, charset or declared_charset(data))[: 4 * _MOST])
    except Unreadable:
        return ()
    if tree is None:
        return ()
    hidden = hidden_passages(tree)
    etree.strip_elements(tree, *_UNSEEN, with_tail=False)
    return flags(str(tree.text_content())[:_MOST], hidden)
