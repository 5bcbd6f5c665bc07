"""How a text of any language becomes the terms that full text is over, with the stemmers and stop words of tantivy.

Terms of another language than English carry its code (``de:rechnung``), so that each language keeps to its own
passages: the German article "die" finds no English dice. A text of a language without a stemmer, or of none that is
known, is treated as English; so is most of what programs write.
"""

import functools
from typing import Any

from vectorstore.words import STOP_WORDS

STEMMERS = {
    "ar": "arabic",
    "da": "danish",
    "nl": "dutch",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hu": "hungarian",
    "it": "italian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "es": "spanish",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""By ISO 639-1 code; English is what everything else is."""
ENGLISH = "en"
_LONGEST_TERM = 40


def language_of(code: str) -> str:
    """The language that a text of the language ``code`` is analysed in."""
    return code if code in STEMMERS else ENGLISH


def terms(text: str, language: str) -> list[str]:
    """All terms of a text in their order; ``language`` is one of :func:`language_of`."""
    return _marked(_analyzer(language, stop_words=False).analyze(text), language)


def content_terms(text: str, language: str) -> list[str]:
    """The same without words that are too common to search by."""
    return _marked(_analyzer(language, stop_words=True).analyze(text), language)


def _marked(stems: list[str], language: str) -> list[str]:
    return stems if language == ENGLISH else [f"{language}:{stem}" for stem in stems]


@functools.cache
def _analyzer(language: str, *, stop_words: bool) -> Any:
    """In English the steps of tantivy's ``en_stem``, if asked without stop words."""
    import tantivy

    name = STEMMERS.get(language, "english")
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    builder = builder.filter(tantivy.Filter.remove_long(_LONGEST_TERM)).filter(tantivy.Filter.lowercase())
    if stop_words and language == ENGLISH:
        builder = builder.filter(tantivy.Filter.custom_stopword(STOP_WORDS.split()))
    elif stop_words:
        builder = builder.filter(tantivy.Filter.stopword(name))
    return builder.filter(tantivy.Filter.stemmer(name)).build()
