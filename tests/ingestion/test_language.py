"""The language of a document: told by its prose, kept with it, and what full text makes of it."""

from pathlib import Path

import pytest

from sitechat.identity import LOCAL
from sitechat.ingestion.formats.base import Block, Extracted
from sitechat.ingestion.language import LANGUAGES, detect
from sitechat.ui import text as words
from tests.support.library import Library
from vectorstore.analysis import STEMMERS
from vectorstore.base import Filter

SENTENCES = {
    "en": "The invoice is sent at the end of the month.",
    "de": "Die Rechnung wird am Ende des Monats verschickt.",
    "fr": "La facture est envoyée à la fin du mois.",
    "ru": "Счёт отправляется в конце месяца.",
    "es": "La factura se envía al cliente a final de cada mes por correo.",
    "nl": "De factuur wordt aan het einde van de maand verstuurd.",
    "pl": "Faktura jest wysyłana na koniec miesiąca.",
    "ja": "請求書は毎月の末日にお客様へ送付されますのでご確認ください。",
}


def prose(text: str, *blocks: Block) -> Extracted:
    return Extracted("t", text, blocks or (Block("paragraph", 0, len(text)),))


@pytest.mark.parametrize(("code", "sentence"), list(SENTENCES.items()))
def test_one_sentence_tells_the_language(code: str, sentence: str) -> None:
    assert detect(prose(sentence)) == code


@pytest.mark.parametrize("text", ["", "OK", "1234567 890 12.5 %", "Rechnung"])
def test_too_little_to_tell_is_not_told(text: str) -> None:
    assert detect(prose(text)) == ""


def test_code_tells_nothing() -> None:
    """Programs are mostly English, whatever the language around them."""
    code = "def read_the_file_and_return_the_whole_content_of_it(name): return open(name).read()\n" * 20
    text = SENTENCES["de"] + code
    at = len(SENTENCES["de"])
    assert detect(prose(text, Block("paragraph", 0, at), Block("code", at, len(text)))) == "de"


def test_a_long_document_is_judged_by_more_than_its_beginning() -> None:
    assert detect(prose("The contract. " * 30 + SENTENCES["de"] * 2000)) == "de"


def test_every_language_has_a_name() -> None:
    assert set(words.LANGUAGES) == set(LANGUAGES)
    assert set(STEMMERS) <= set(LANGUAGES)


async def test_words_are_found_in_their_other_forms_in_each_language(library: Library, tmp_path: Path) -> None:
    paths = [tmp_path / f"{code}.txt" for code in SENTENCES]
    for path, sentence in zip(paths, SENTENCES.values(), strict=True):
        path.write_text(sentence, "utf-8")
    await library.ingest(*paths)
    base = await library.base()
    documents = await library.knowledge.documents(LOCAL, base.id)
    assert {document.title: document.language for document in documents} == {code: code for code in SENTENCES}

    async def found(query: str) -> list[str]:
        hits = await library.indexes.full_text(query, 5, Filter(knowledge_base_ids=frozenset({base.id})))
        return [(await library.knowledge.passage(LOCAL, hit.chunk_id)).language for hit in hits]

    assert await found("Rechnungen") == ["de"]
    assert await found("Wann werden die Rechnungen verschickt?") == ["de"]
    assert await found("счета") == ["ru"]
    assert (await found("des factures"))[0] == "fr"
    assert await found("invoices") == ["en"]
    (finer,) = await library.indexes.rescore("Rechnungen", [("", (), SENTENCES["de"], "de")])
    assert finer.terms > 0
