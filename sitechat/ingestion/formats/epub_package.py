"""How an EPUB is put together: its title, its chapters in order, and what the table of contents calls them."""

import posixpath
import zipfile
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree

from sitechat.ingestion.formats.archive import read_member
from sitechat.ingestion.formats.writer import squeeze

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
_CONTENTS = "application/x-dtbncx+xml"


@dataclass(frozen=True, slots=True)
class Book:
    """``chapters``: members of the archive in reading order. ``headings``: by chapter, from the table of contents.

    ``encrypted``: members that cannot be read, fonts among them.
    """

    title: str
    chapters: tuple[str, ...]
    headings: dict[str, str]
    encrypted: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Item:
    path: str
    media_type: str
    navigates: bool


def read_book(archive: zipfile.ZipFile) -> Book:
    """Raises what ``zipfile`` and lxml raise, and ``LookupError`` for a book without a package."""
    members = frozenset(archive.namelist())
    root = next((str(path) for path in _find(_parse(archive, _CONTAINER), "rootfile/@full-path")), "")
    package = _parse(archive, root)
    items = _manifest(package, posixpath.dirname(root))
    named = [str(reference) for reference in _find(package, "itemref/@idref")]
    chapters = [items[name] for name in named if name in items]
    headings: dict[str, str] = {}
    for item in items.values():
        if item.path in members and (item.navigates or item.media_type == _CONTENTS):
            headings = {**_headings(archive, item.path), **headings}
    paths = [chapter.path for chapter in chapters if chapter.media_type in _PAGES and not chapter.navigates]
    return Book(
        title=next((title for title in map(_text, _find(package, "metadata//*[local-name()='title']")) if title), ""),
        chapters=tuple(path for path in dict.fromkeys(paths) if path in members),
        headings=headings,
        encrypted=_encrypted(archive) if _ENCRYPTION in members else frozenset(),
    )


def _manifest(package: etree._Element, folder: str) -> dict[str, _Item]:
    return {
        item.get("id", ""): _Item(
            _resolved(folder, item.get("href", "")),
            item.get("media-type", "").lower(),
            "nav" in item.get("properties", "").split(),
        )
        for item in _find(package, "manifest/*[local-name()='item']")
    }


def _headings(archive: zipfile.ZipFile, path: str) -> dict[str, str]:
    """What a table of contents, old (NCX) or new (a page), calls each file: the first that it says of it."""
    tree, folder = _parse(archive, path), posixpath.dirname(path)
    entries = [(str(link.get("href", "")), _text(link)) for link in _find(tree, "nav//*[local-name()='a']")]
    for point in _find(tree, "navPoint"):
        label = next(iter(point.xpath("*[local-name()='navLabel']")), None)
        source = next(iter(point.xpath("*[local-name()='content']/@src")), "")
        entries.append((str(source), _text(label) if label is not None else ""))
    return {_resolved(folder, target): label for target, label in reversed(entries) if label}


def _encrypted(archive: zipfile.ZipFile) -> frozenset[str]:
    found = _find(_parse(archive, _ENCRYPTION), "CipherReference/@URI")
    return frozenset(_resolved("", str(address)) for address in found)


def _resolved(folder: str, address: str) -> str:
    """A link within the book as the name of a member."""
    return posixpath.normpath(posixpath.join(folder, unquote(address.partition("#")[0]))).lstrip("/")


def _parse(archive: zipfile.ZipFile, name: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    tree = etree.fromstring(read_member(archive, name), parser)
    if tree is None:
        raise LookupError(name)
    return tree


def _find(tree: etree._Element, path: str) -> list[etree._Element]:
    """``path`` anywhere in the tree; its first step is a name, whatever its namespace."""
    first, slash, rest = path.partition("/")
    return list(tree.xpath(f"//*[local-name()='{first}']{slash}{rest}"))


def _text(element: etree._Element) -> str:
    return squeeze("".join(element.itertext()))
