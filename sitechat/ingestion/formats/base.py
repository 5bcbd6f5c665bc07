"""What reading a file yields, and how it can fail.

::

    NotExtracted (InvalidInput)
    ├── Unsupported   a format that is not read yet                    skips
    ├── Empty         nothing in it to read                            skips
    ├── NeedsOcr      pictures of text, but no text                    skips
    ├── HoldsFiles    an archive: no text, but files of its own        skips
    ├── Encrypted     protected by a password
    ├── TooLarge      needs more memory, or yields more text, than allowed
    ├── TooSlow       keeps the reader busy without getting on
    └── Unreadable    damaged, or not what its name says

``skips`` tells a file that was left out on purpose from one that failed. Messages are whole sentences for the person
who added the file; the file's own name stands beside them on the page and is not repeated.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from sitechat.errors import InvalidInput

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the text: ``text[start:end]``.

    Lines of a ``list`` are its items, of a ``table`` its rows. ``level`` is a heading's (1 is the highest), else 0.
    ``page`` counts from 1 and is where the block begins.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    page: int | None = None


FlagKind = Literal["invisible", "hidden", "instruction", "scans"]


@dataclass(frozen=True, slots=True)
class Flag:
    """Something in a document that a person should look at.

    ``start`` and ``end`` are offsets in the text in which it was found; of a ``hidden`` one, in that passage.
    ``excerpt`` is on one line, with what nobody sees made visible; of ``scans``, the pages that were not read.
    """

    kind: FlagKind
    excerpt: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file as text. Blocks are in order and do not overlap; between them there is only white space.

    ``pages`` holds the offset at which each page begins; it is empty where there are no pages. ``flags`` are what a
    person should look at. ``language`` is an ISO 639-1 code, empty where it is not known.
    """

    title: str
    text: str
    blocks: tuple[Block, ...]
    pages: tuple[int, ...] = ()
    flags: tuple[Flag, ...] = ()
    language: str = ""


@runtime_checkable
class Extractor(Protocol):
    """Reads one format. Stateless: one instance serves every file."""

    @property
    def media_types(self) -> frozenset[str]: ...

    @property
    def suffixes(self) -> frozenset[str]:
        """File name endings, lower case with their dot."""
        ...

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:
        """Read ``data``. ``charset`` is what the sender declared. Raises :class:`NotExtracted`."""
        ...


class NotExtracted(InvalidInput):
    """A file that cannot be turned into text; trying again would end the same way."""

    skips: ClassVar[bool] = False


class Unsupported(NotExtracted):
    skips = True


class Empty(NotExtracted):
    skips = True

    def __init__(self, message: str = "There is no text in it.") -> None:
        super().__init__(message)


class NeedsOcr(NotExtracted):
    skips = True

    def __init__(self, message: str = "This is a scan: it has pictures of text but no text.") -> None:
        super().__init__(message)


class HoldsFiles(NotExtracted):
    """An archive of files, to be read one by one; the message is for where that is not done."""

    skips = True

    def __init__(self, message: str = "It is an archive and is not opened here; unpack it and add the files.") -> None:
        super().__init__(message)


class Encrypted(NotExtracted):
    def __init__(self, message: str = "It is protected by a password; remove the password and add it again.") -> None:
        super().__init__(message)


class TooLarge(NotExtracted):
    """More text or memory than one file may take."""

    @classmethod
    def of(cls, most: int, what: str) -> "TooLarge":
        """For a file with more than ``most`` characters, pages or the like."""
        return cls(f"It holds more than {most:,} {what}, the most that is read of one file.")


class TooSlow(NotExtracted):
    """Read for longer than something of its size should need."""


class Unreadable(NotExtracted):
    """Damaged, or not the format that it claims to be."""


ERRORS: dict[str, type[NotExtracted]] = {
    kind.__name__: kind for kind in (Unsupported, Empty, NeedsOcr, HoldsFiles, Encrypted, TooLarge, TooSlow, Unreadable)
}
