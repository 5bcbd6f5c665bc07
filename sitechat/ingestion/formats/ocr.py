"""Text from pictures of text, by the program Tesseract where it is installed.

It runs below the process that reads files, within the same limits, and gets each picture through a pipe: nothing is
written anywhere. It ends with that process, and after :data:`SECONDS_A_PAGE` of computing or twice that of waiting.
"""

import functools
import resource
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from sitechat.ingestion import cpu_budget
from sitechat.ingestion.confinement import die_with_parent
from sitechat.ingestion.formats.base import NeedsOcr, TooSlow, Unreadable
from sitechat.ingestion.formats.names import INSTALL_OCR, OCR_PROGRAM
from sitechat.ingestion.formats.pdf_lines import Line

SECONDS_A_PAGE = 30
_SECONDS_TO_ASK = 20
_SURE = 30.0
"""Per cent: what Tesseract is less sure of is mostly no text."""
_SPACING, _GAP = 10.0, 30.0
_WORD = "5"
_COLUMNS = 12
_BROKEN = "It could not be read as a picture; it is probably damaged."
_TOO_SLOW = f"Recognising the text of one page took longer than {SECONDS_A_PAGE} seconds."
_NO_LANGUAGE = (
    "Its text cannot be recognised: Tesseract has no data for the language “{0}” here. "
    "Install the package tesseract-ocr-{0}, or change SITECHAT_OCR_LANGUAGES."
)
_chosen = ["eng"]


@dataclass(frozen=True, slots=True)
class Tesseract:
    """The program and the languages that it has data for."""

    path: str
    languages: frozenset[str]


def use_languages(names: Sequence[str]) -> None:
    """Which languages this process recognises, by Tesseract's names; the first counts most."""
    _chosen[:] = names or ["eng"]


def parse_languages(setting: str) -> list[str]:
    """``eng, deu`` or ``eng+deu`` as a list."""
    return [name.strip() for name in setting.replace("+", ",").split(",") if name.strip()]


def recognise(picture: bytes) -> list[list[Line]]:
    """The lines of each page of a picture (PNG, JPEG, TIFF or PGM).

    Raises :class:`NeedsOcr` where Tesseract or a language is missing, ``Unreadable``, or ``TooSlow``.
    """
    tesseract = _find()
    missing = next((name for name in _chosen if name not in tesseract.languages), None)
    if missing is not None:
        raise NeedsOcr(_NO_LANGUAGE.format(missing))
    layout = "1" if "osd" in tesseract.languages else "3"  # with and without finding out how a page is turned
    arguments = ["stdin", "stdout", "-l", "+".join(_chosen), "--psm", layout, "tsv"]
    table = _run(tesseract.path, arguments, picture, 2 * SECONDS_A_PAGE)
    cpu_budget.earn()
    return _pages(table.decode("utf-8", "replace"))


@functools.cache
def _find() -> Tesseract:
    path = shutil.which(OCR_PROGRAM)
    if path is None:
        raise NeedsOcr(f"{NeedsOcr().message} {INSTALL_OCR}")
    _, *names = _run(path, ["--list-langs"], b"", _SECONDS_TO_ASK).decode("utf-8", "replace").splitlines()
    return Tesseract(path, frozenset(name.strip() for name in names))


def _run(path: str, arguments: Sequence[str], picture: bytes, seconds: float) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603
            [path, *arguments],
            input=picture,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"},
            timeout=seconds,
            check=False,
            preexec_fn=_confine,
        )
    except subprocess.TimeoutExpired:
        raise TooSlow(_TOO_SLOW) from None
    except OSError:
        raise NeedsOcr(f"Tesseract is installed here but cannot be started. {INSTALL_OCR}") from None
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise TooSlow(_TOO_SLOW)
    if done.returncode != 0:
        raise Unreadable(_BROKEN)
    return done.stdout


def _confine() -> None:
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_A_PAGE, SECONDS_A_PAGE))


def _pages(table: str) -> list[list[Line]]:
    """Tesseract's table, a word a row, as lines. Heights are made up: only a paragraph's end makes a larger gap."""
    pages: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for row in table.splitlines()[1:]:
        level, page, block, paragraph, line, *_, sureness, word = cells = row.split("\t", _COLUMNS - 1)
        lines = pages.setdefault(page, {})
        if level == _WORD and len(cells) == _COLUMNS and float(sureness) >= _SURE and word.strip():
            lines.setdefault((block, paragraph, line), []).append(word)
    return [_lines(lines) for lines in pages.values()]


def _lines(found: dict[tuple[str, ...], list[str]]) -> list[Line]:
    lines: list[Line] = []
    height, last = 0.0, None
    for (block, paragraph, _), words in found.items():
        height -= _SPACING if last in (None, (block, paragraph)) else _GAP
        last = (block, paragraph)
        lines.append(Line(" ".join(words), y=height))
    return lines
