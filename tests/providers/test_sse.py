"""Events come out the same however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.sse import MAX_EVENT_BYTES, DataDecoder, EventTooLarge

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
END = st.sampled_from(["\n", "\r\n", "\r"])


@given(st.lists(st.lists(LINE, min_size=1, max_size=3), max_size=5), END, st.data())
def test_any_cut_of_the_bytes_gives_the_same_events(events: list[list[str]], end: str, data: st.DataObject) -> None:
    """Chunk boundaries fall anywhere, in the middle of a character and between CR and LF."""
    wire = "".join("".join(f"data: {line}{end}" for line in lines) + end for lines in events).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    decoder = DataDecoder()
    seen = [
        text
        for start, stop in zip([0, *cuts], [*cuts, len(wire)], strict=True)
        for text in decoder.feed(wire[start:stop])
    ]
    seen += decoder.flush()
    assert seen == ["\n".join(lines) for lines in events]


def test_comments_and_other_fields_are_skipped() -> None:
    """Heartbeats are no events."""
    assert list(DataDecoder().feed(b": ping\n\nevent: x\nid: 1\ndata:a\n\nretry: 5\n\n")) == ["a"]


def test_an_event_without_its_closing_line_counts_at_the_end() -> None:
    """Some servers forget it."""
    decoder = DataDecoder()
    assert list(decoder.feed(b"data: [DONE]\n")) == []
    assert list(decoder.flush()) == ["[DONE]"]


def test_an_event_that_never_ends_is_refused() -> None:
    """Memory has a limit."""
    decoder = DataDecoder()
    assert list(decoder.feed(b"data: " + b"x" * (MAX_EVENT_BYTES // 2))) == []
    with pytest.raises(EventTooLarge):
        list(decoder.feed(b"x" * (MAX_EVENT_BYTES // 2)))


def test_bytes_that_are_no_text_are_refused() -> None:
    """The caller calls it a malformed stream."""
    with pytest.raises(UnicodeDecodeError):
        list(DataDecoder().feed(b"data: \xff\xfe\n\n"))
