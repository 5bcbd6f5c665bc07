"""How text becomes words for full text: what both the index and the queries go through."""

import re

STOP_WORDS = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers
herself it its itself they them their theirs themselves what which who whom this that these those am is
are was were be been being have has had having do does did doing would should could ought a an the and but
if or because as until while of at by for with about against between into through during before after
above below to from up down in out on off over under again further then once here there when where why how
all any both each few more most other some such no nor not only own same so than too very s t re ve d ll m
can cannot will just don now isn aren wasn weren hasn haven hadn doesn didn won wouldn shan shouldn couldn
mustn let
"""
"""English words too common to search by. They stay in the index, and in queries that hold nothing else."""

_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_WORD = re.compile(r"[^\W_]+")


def searchable(text: str) -> str:
    """``text`` with each Han, Hiragana and Katakana character a word: these scripts set no spaces."""
    return _UNSPACED.sub(r" \g<0> ", utf8(text))


def searched_text(title: str, heading: str, text: str) -> str:
    """The one text of a chunk that full text is over; the title belongs in it."""
    return searchable("\n".join(part for part in (title, heading, text) if part))


def utf8(text: str) -> str:
    """``text`` without halves of surrogate pairs, which have no encoding."""
    return text.encode("utf-8", "replace").decode("utf-8")


def count_words(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))
