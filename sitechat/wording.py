"""What the page and the command line say in the same words: why an answer, or a sentence of it, is to be checked."""

from collections.abc import Iterable

from sitechat.events import Reason

CAUTION = "The closest passages there are. They may not answer your question: read the sources before you rely on them."
_REASONS = {
    ("number", False): "the number {words} is not in the source",
    ("number", True): "the number {words} stands elsewhere in the source",
    ("date", False): "the date {words} is not in the source",
    ("date", True): "the date {words} stands elsewhere in the source",
    ("name", False): "the name {words} is not in the source",
    ("name", True): "the name {words} stands elsewhere in the source",
    ("negation", False): "the source and this sentence differ in what is denied",
    ("opposite", False): "the source says the opposite of “{words}”",
    ("meaning", False): "no source was found that says this",
    ("model", False): "it does not follow from the source",
}


def reasons(found: Iterable[Reason]) -> str:
    """Why a sentence is to be checked, in one line."""
    lines = [_REASONS[reason.kind, reason.elsewhere].format(words=shortened(reason.words, 60)) for reason in found]
    said = "; ".join(dict.fromkeys(lines))
    return f"{said[:1].upper()}{said[1:]}."


def shortened(text: str, length: int) -> str:
    """One line of at most ``length`` characters, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length + 1].rsplit(" ", 1)[0][:length].rstrip(",;:.") + "…"
