"""Passages follow headings, hold whole sentences, and leave nothing out."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.sentences import split_sentences
from sitechat.ingestion.chunk import MAXIMUM, TARGET, Span, chunk
from sitechat.ingestion.chunk_units import weigh
from sitechat.ingestion.formats.base import Extracted
from sitechat.ingestion.formats.writer import TextWriter

SENTENCE = "The keeper of the light climbs the narrow stairs every evening and trims the wick by hand."
WORDS = st.sampled_from(
    [
        "ink",
        "paper",
        "river",
        "Otto",
        "walks",
        "7",
        "slowly",
        "under",
        "bridge,",
        "again;",
        "and",
        "(perhaps)",
        "日本語",
    ]
)
SENTENCES = st.builds(
    lambda words, end: " ".join(words).capitalize() + end,
    st.lists(WORDS, min_size=1, max_size=30),
    st.sampled_from([".", "?", "!"]),
)
PARAGRAPHS = st.lists(SENTENCES, min_size=1, max_size=12).map(" ".join)
PIECES = st.one_of(
    st.tuples(st.just("heading"), st.integers(1, 4), st.sampled_from(["Sun", "Moon", "Tides", "Ferries"])),
    st.tuples(st.just("paragraph"), PARAGRAPHS),
    st.tuples(st.just("item"), SENTENCES),
    st.tuples(st.just("record"), SENTENCES),
    st.tuples(st.just("code"), st.lists(SENTENCES, max_size=20).map("\n".join)),
)


def written(pieces: list[tuple[object, ...]]) -> Extracted:
    writer = TextWriter()
    for kind, *arguments in pieces:
        getattr(writer, str(kind))(*arguments)
    return writer.extracted("Title")


def section(writer: TextWriter, level: int, name: str, sentences: int) -> None:
    writer.heading(level, name)
    if sentences:
        writer.paragraph(" ".join([SENTENCE] * sentences))


def texts(extracted: Extracted, spans: list[Span]) -> list[str]:
    return [extracted.text[span.start : span.end] for span in spans]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, min_size=1, max_size=25).filter(lambda pieces: any(p[0] != "code" or p[1] for p in pieces)))
def test_passages_are_in_order_whole_and_leave_nothing_out(pieces: list[tuple[object, ...]]) -> None:
    extracted = written(pieces)
    spans = chunk(extracted)
    covered = [False] * len(extracted.text)
    end = 0
    for span in spans:
        text = extracted.text[span.start : span.end]
        assert end <= span.start < span.end
        assert text == text.strip() or text.startswith(" ")
        assert weigh(text) <= MAXIMUM
        covered[span.start : span.end] = [True] * (span.end - span.start)
        end = span.end
    for block in extracted.blocks:
        if block.kind != "heading":
            lost = [i for i in range(block.start, block.end) if not covered[i] and not extracted.text[i].isspace()]
            assert not lost


@settings(max_examples=40, deadline=None)
@given(st.lists(PARAGRAPHS, min_size=1, max_size=8))
def test_no_sentence_is_cut_in_two(paragraphs: list[str]) -> None:
    """None here is longer than a passage may be."""
    extracted = written([("paragraph", paragraph) for paragraph in paragraphs])
    spans = chunk(extracted)
    for block in extracted.blocks:
        for start, end in split_sentences(extracted.text[block.start : block.end]):
            first, last = block.start + start, block.start + end
            assert any(span.start <= first and last <= span.end for span in spans)


def test_passages_are_about_as_long_as_the_search_model_reads() -> None:
    extracted = written([("paragraph", " ".join([SENTENCE] * 40))])
    weights = [weigh(text) for text in texts(extracted, chunk(extracted))]
    assert all(0.6 * TARGET <= weight <= MAXIMUM for weight in weights)


def test_no_small_remainder_is_left_behind() -> None:
    """A section of a little more than one passage becomes two of like size."""
    sentences = MAXIMUM // weigh(SENTENCE) + 1
    extracted = written([("paragraph", " ".join([SENTENCE] * sentences))])
    lengths = [len(text) for text in texts(extracted, chunk(extracted))]
    assert len(lengths) == 2
    assert max(lengths) < 2 * min(lengths)


def test_a_passage_stays_under_its_heading_and_carries_the_headings_above() -> None:
    writer = TextWriter()
    section(writer, 1, "Lights", 6)
    section(writer, 2, "Wicks", 6)
    section(writer, 1, "Horns", 6)
    extracted = writer.extracted("Coast")
    assert [span.heading_path for span in chunk(extracted)] == [("Lights",), ("Lights", "Wicks"), ("Horns",)]
    assert not any("Wicks" in text for text in texts(extracted, chunk(extracted)))


def test_tiny_neighbours_under_one_parent_share_a_passage_with_their_headings() -> None:
    writer = TextWriter()
    section(writer, 1, "Glossary", 0)
    for name in ("Buoy", "Cleat", "Davit"):
        section(writer, 2, name, 1)
    section(writer, 1, "Index", 6)
    extracted = writer.extracted("Coast")
    spans = chunk(extracted)
    assert [span.heading_path for span in spans] == [("Glossary",), ("Index",)]
    assert texts(extracted, spans)[0].startswith("Buoy\n\n")
    assert "Davit" in texts(extracted, spans)[0]


def test_a_heading_without_text_of_its_own_is_no_passage() -> None:
    writer = TextWriter()
    section(writer, 1, "Changelog", 0)
    section(writer, 2, "Version 2", 8)
    extracted = writer.extracted("Coast")
    assert [span.heading_path for span in chunk(extracted)] == [("Changelog", "Version 2")]


def test_headings_alone_are_still_found() -> None:
    """A document may consist of nothing else."""
    extracted = written([("heading", 1, "Sun"), ("heading", 1, "Moon")])
    assert texts(extracted, chunk(extracted)) == ["Sun\n\nMoon"]


def test_a_sentence_longer_than_a_passage_is_cut_between_words() -> None:
    words = [f"word{number}" for number in range(400)]
    extracted = written([("paragraph", " ".join(words))])
    pieces = texts(extracted, chunk(extracted))
    assert len(pieces) > 1
    assert " ".join(pieces).split() == words


def test_text_without_any_space_is_cut_too() -> None:
    extracted = written([("paragraph", "好" * 3000)])
    pieces = texts(extracted, chunk(extracted))
    assert "".join(pieces) == "好" * 3000
    assert all(weigh(piece) <= MAXIMUM for piece in pieces)


def test_rows_and_lines_of_code_stay_whole() -> None:
    rows = [f"Port: {number}; Depth: {number} m; Master: J. Smith; Open: yes" for number in range(60)]
    code = [f"    dock(ship_{number}, berth={number})" for number in range(60)]
    writer = TextWriter()
    for row in rows:
        writer.record(row)
    writer.code("\n".join(code))
    extracted = writer.extracted("Ports")
    lines = [line for text in texts(extracted, chunk(extracted)) for line in text.split("\n") if line]
    assert lines == rows + code


def test_what_introduces_a_list_stays_with_it() -> None:
    filler = " ".join([SENTENCE] * (TARGET // weigh(SENTENCE) - 1))
    writer = TextWriter()
    writer.paragraph(filler)
    writer.paragraph("There are three rules:")
    for rule in ("Be on time.", "Be awake.", "Write it down."):
        writer.item(rule)
    writer.paragraph(filler)
    extracted = writer.extracted("Rules")
    assert any("three rules:\n\n- Be on time." in text for text in texts(extracted, chunk(extracted)))


def test_a_passage_knows_its_page() -> None:
    writer = TextWriter()
    for _ in range(3):
        writer.page()
        writer.paragraph(" ".join([SENTENCE] * (TARGET // weigh(SENTENCE))))
    extracted = writer.extracted("Pages")
    assert [span.page for span in chunk(extracted)] == [1, 2, 3]
    assert {span.page for span in chunk(written([("paragraph", SENTENCE)]))} == {None}
