"""The XML of sitemaps and feeds, read as a stream of tags: however large, it never becomes a tree."""

import re
from collections.abc import Mapping

from lxml import etree

from sitechat.ingestion.formats.lxml_errors import ran_out_of_memory

_PIECE = 256 << 10
_MOST_ELEMENTS = 1_000_000
_LONGEST_TEXT = 8_000
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_ITEMS = frozenset({"url", "sitemap", "item", "entry"})
_PLACES = frozenset({"loc", "link"})
_TIMES = frozenset({"lastmod", "updated", "pubdate", "published", "date"})


def read_places(xml: str, most: int) -> tuple[list[tuple[str, str]], bool]:
    """The address and time of each item, as written, and whether that is all: not if the XML breaks off or is too long.

    ``xml`` begins with its root element: without a document type no entity can be declared, neither one that grows nor
    one that is a file.
    """
    reader = _Reader(most)
    parser = etree.XMLParser(
        target=reader, encoding="utf-8", recover=True, resolve_entities=False, no_network=True, huge_tree=False
    )
    # The parser is not told of the end, so that it does not close an item whose address was cut off.
    data = _repaired(xml).encode("utf-8") + b"\n\n\n\n"
    try:
        for start in range(0, len(data), _PIECE):
            parser.feed(data[start : start + _PIECE])
    except _Enough:
        return reader.found[:most], False
    except etree.LxmlError as error:
        if ran_out_of_memory(error):
            raise MemoryError from None
        return reader.found, False
    return reader.found, reader.level == 0


class _Enough(Exception):
    """More than is read."""


class _Reader:
    """Takes the parser's tags. ``level`` is 0 before and after the root element."""

    def __init__(self, most: int) -> None:
        self.found: list[tuple[str, str]] = []
        self.level = 0
        self._most = most
        self._elements = 0
        self._item = 0  # the level of the item being read
        self._space = ""
        self._bare = False
        self._child = ""
        self._relation = "alternate"
        self._href = ""
        self._text: list[str] = []
        self._places: list[str] = []
        self._time = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.level += 1
        self._elements += 1
        if self._elements > _MOST_ELEMENTS:
            raise _Enough
        if self._item and self.level > self._item + 1:
            return
        space, _, name = tag.rpartition("}")
        name = name.lower()
        if self._item:
            self._start_child(name, space, attributes)
        elif name in _ITEMS:
            self._item, self._space, self._bare = self.level, space, True
            self._text, self._places, self._time = [], [], ""

    def _start_child(self, name: str, space: str, attributes: Mapping[str, str]) -> None:
        """Pictures and films have places too, but in another namespace."""
        self._bare = False
        self._child = name if name in _TIMES or (name in _PLACES and space == self._space) else ""
        self._relation, self._href = attributes.get("rel", "alternate"), attributes.get("href", "")
        self._text = []

    def data(self, text: str) -> None:
        wanted = self._bare if self.level == self._item else self._child and self.level == self._item + 1
        if wanted and self._item and len(self._text) < _LONGEST_TEXT:
            self._text.append(text[:_LONGEST_TEXT])

    def end(self, _tag: str) -> None:
        if self._item and self.level == self._item + 1:
            self._end_child()
        elif self._item and self.level == self._item:
            self._item = 0
            places = [self._written()] if self._bare else self._places  # an index that forgot <loc>
            self.found += [(place, self._time) for place in places if place]
            if len(self.found) > self._most:
                raise _Enough
        self.level -= 1

    def _end_child(self) -> None:
        if self._child in _TIMES:
            self._time = self._time or self._written()
        elif self._child and self._relation == "alternate" and len(self._places) < self._most:
            self._places.append(self._href or self._written())
        self._child = ""

    def _written(self) -> str:
        return "".join(self._text).strip()[:_LONGEST_TEXT]

    def close(self) -> None:
        """The parser wants one."""


def _repaired(xml: str) -> str:
    """Without characters that XML does not have, and with every ampersand of an address escaped, as many are not."""
    before, *sections = _NOT_XML.sub("", xml).split(_CDATA)
    parts = [_AMPERSAND.sub("&amp;", before)]
    for section in sections:
        verbatim, end, after = section.partition(_CDATA_END)
        parts += (_CDATA, verbatim, end, _AMPERSAND.sub("&amp;", after))
    return "".join(parts)
