"""PowerPoint presentations: every slide is a heading with its number and title, then its text, tables and notes."""

import io

from pptx.package import Package
from pptx.presentation import Presentation
from pptx.slide import Slide

from sitechat.ingestion.formats.archive import check_archive
from sitechat.ingestion.formats.base import Extracted
from sitechat.ingestion.formats.damage import damage_means
from sitechat.ingestion.formats.pptx_slides import read_slide, write_content
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter, squeeze

_DAMAGED = "It is damaged: it cannot be opened as a PowerPoint presentation."
_NO_TITLES = frozenset({"powerpoint presentation", "powerpoint-präsentation", "presentation", "untitled", "slide 1"})


class PptxExtractor:
    media_types = frozenset(
        {
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
            "application/vnd.ms-powerpoint.presentation.macroenabled.12",
            "application/vnd.ms-powerpoint.slideshow.macroenabled.12",
        }
    )
    suffixes = frozenset({".pptx", ".pptm", ".ppsx", ".ppsm"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:  # noqa: ARG002
        check_archive(data, _DAMAGED)
        with damage_means(_DAMAGED):
            # Not ``pptx.Presentation``, which refuses shows: they differ from presentations in their type only.
            presentation = Package.open(io.BytesIO(data)).main_document_part.presentation
            deck = _Deck()
            deck.write(presentation)
            title = _property_title(presentation) or deck.title or title_from_name(name)
        return deck.text.extracted(title)


def _property_title(presentation: Presentation) -> str:
    title = squeeze(presentation.core_properties.title or "")
    return "" if title.lower() in _NO_TITLES else title


class _Deck:
    """Writes slides. ``title`` is that of the first slide that has one."""

    def __init__(self) -> None:
        self.text = TextWriter()
        self.title = ""

    def write(self, presentation: Presentation) -> None:
        seen: set[int] = set()
        for number, slide in enumerate(presentation.slides, 1):
            # A damaged file may name a slide any number of times.
            if slide.slide_id not in seen:
                seen.add(slide.slide_id)
                self._slide(number, slide)

    def _slide(self, number: int, slide: Slide) -> None:
        read = read_slide(slide.element)
        notes = _notes(slide)
        if not (read.title or read.content or notes):
            return
        self.title = self.title or read.title
        self.text.heading(1, f"Slide {number}: {read.title}" if read.title else f"Slide {number}")
        write_content(self.text, read)
        if notes:
            self.text.paragraph(f"Notes: {notes}")


def _notes(slide: Slide) -> str:
    # Asking for notes makes them where there are none.
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    return frame.text.strip() if frame is not None else ""
