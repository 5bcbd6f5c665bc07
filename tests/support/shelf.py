"""A folder of mixed files, and a few pages of a website, for tests of ingestion as a whole; each in two editions."""

import random
from pathlib import Path

from aiohttp import web

from tests.fixtures import documents
from tests.servers.host import LoopbackServer

DOCUMENTS = 18
"""How many of the files become documents."""
SMALL = 4
PAGES = 8
_VOCABULARY = ("lead", "type", "press", "ink", "paper", "thread", "glue", "leaf", "plate", "proof", "sheet", "cover")


def fill_shelf(folder: Path, edition: int = 1) -> Path:
    """Files of all fates, formats and sizes; another ``edition`` changes every third of them."""
    folder.mkdir(exist_ok=True)
    for number in range(12):
        chapters = [
            f"## Chapter {chapter}\n\n" + f"Tale {chapter} of book {number} in {_words(number, edition)}. " * 20
            for chapter in range(1 + (number * 7) % 50)
        ]
        (folder / f"book-{number:02}.md").write_text(f"# Book {number}\n\n" + "\n\n".join(chapters))
    for number in range(3):
        pages = [documents.page(_prose(number, edition, leaf), heading=f"Leaf {leaf}") for leaf in range(20)]
        (folder / f"print-{number}.pdf").write_bytes(documents.pdf(*pages, title=f"Print {number}"))
    (folder / "orchids.html").write_bytes(documents.HTML)
    (folder / "letter.docx").write_bytes(documents.word())
    (folder / "twin.md").write_bytes((folder / "book-01.md").read_bytes())
    (folder / "empty.txt").write_text("")
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.7 rubbish")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


def fill_small_shelf(folder: Path, edition: int = 1) -> Path:
    """``SMALL`` documents, one of several batches, and a file that cannot be read."""
    folder.mkdir(exist_ok=True)
    for number, chapters in enumerate((3, 50)):
        parts = [
            f"## Chapter {n}\n\n" + f"Tale {n} of book {number} in edition {edition}. " * 30 for n in range(chapters)
        ]
        (folder / f"book-{number}.md").write_text(f"# Book {number}\n\n" + "\n\n".join(parts))
    (folder / "print.pdf").write_bytes(documents.pdf(*(documents.page(_prose(0, edition, leaf)) for leaf in range(2))))
    (folder / "orchids.html").write_bytes(documents.HTML)
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.7 rubbish")
    return folder


def _prose(number: int, edition: int, leaf: int) -> str:
    """Lines that no two pages share: what is on every page would be taken for a running title."""
    chosen = random.Random(f"{number} {leaf} {_words(number, edition)}")
    return "\n".join(" ".join(chosen.choices(_VOCABULARY, k=9)).capitalize() + "." for _ in range(12))


def _words(number: int, edition: int) -> str:
    return f"edition {edition}" if number % 3 == 0 else "any edition"


class SmallSite(LoopbackServer):
    """``PAGES`` pages that lead from one to the next; set ``edition`` to change every third of them."""

    edition = 1

    @property
    def url(self) -> str:
        return f"{self.origin}/0"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/{number:[0-7]}", self._page)]

    async def _page(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        tales = "".join(
            f"<h2>Tale {tale}</h2><p>{f'Tale {tale} of page {number} in {_words(number, self.edition)}. ' * 20}</p>"
            for tale in range(3 + 7 * number)
        )
        link = f'<a href="/{(number + 1) % PAGES}">What follows</a>'
        return web.Response(
            text=f"<title>Page {number}</title><h1>Page {number}</h1>{tales}{link}", content_type="text/html"
        )
