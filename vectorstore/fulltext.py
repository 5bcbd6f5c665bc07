"""Full text with tantivy: title, heading and text of each chunk in one field of stems, ranked by BM25.

A chunk's stems are those of its language (:mod:`vectorstore.analysis`); a query is searched in every language that
the index holds.

One commit holds the chunks and, in a record of its own (the *marker*), the change sequence they belong to, so the
two cannot part. The files carry checksums that are verified at ``open``: whatever does not hold makes a
:class:`SnapshotError`, and the caller builds the index again.
"""

import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from vectorstore import analysis, bm25
from vectorstore.analysis import ENGLISH, STEMMERS, language_of
from vectorstore.base import Filter, Hit, IndexInUseError, SnapshotError, TextRecord, WordScore
from vectorstore.durable import sync_directory
from vectorstore.tantivy_files import damage_named, discard_unfinished, verify, wipe
from vectorstore.words import count_words, searchable, searched_text, utf8

FORMAT = 2
_MARKER = "sequence"
_WRITER_MEMORY = 32_000_000
_MOST_TERMS = 64
_FEW_TERMS = 16
_MOST_READ = 20_000
"""Characters of a query that are looked at: someone may paste a book."""


class TantivyIndex:
    """A :class:`~vectorstore.base.TextIndex` in a directory. One process writes; others may read beside it."""

    def __init__(self, directory: Path, index: Any, *, read_only: bool) -> None:
        self._directory = directory
        self._index = index
        self._schema = index.schema
        self._read_only = read_only
        self._writer: Any | None = None
        self._writing = threading.Lock()
        self._averages: dict[str, tuple[int, float]] = {}

    @classmethod
    def open(cls, directory: Path, *, read_only: bool = False) -> "TantivyIndex":
        """Open what is there, verified. Raises :class:`SnapshotError`, or :class:`IndexInUseError` for a second
        writer; ``read_only`` sees the commits of a running writer and takes no lock."""
        with damage_named(directory):
            verify(directory, changing=read_only)
            index = _tantivy().Index.open(str(directory))
            index.config_reader("manual")
            index.reload()
            opened = cls(directory, index, read_only=read_only)
            _, form = opened._marker()
            opened._probe()
        if form != FORMAT:
            raise SnapshotError(f"{directory.name} has format {form}, not {FORMAT}")
        if not read_only:
            opened._writer = _writer(index, directory)
        return opened

    @classmethod
    def create(cls, directory: Path) -> "TantivyIndex":
        """An empty index at sequence 0, in place of whatever is there. Raises :class:`IndexInUseError`."""
        directory.mkdir(parents=True, exist_ok=True)
        wipe(directory)
        index = _tantivy().Index(_schema(), path=str(directory), reuse=False)
        index.config_reader("manual")
        created = cls(directory, index, read_only=False)
        created.apply([], [], sequence=0)
        sync_directory(directory)
        return created

    @property
    def sequence(self) -> int:
        return self._marker()[0]

    def apply(self, deletes: Iterable[Filter], records: Sequence[TextRecord], *, sequence: int) -> None:
        """Raises ``OSError`` or ``ValueError`` where it cannot be written; then nothing of it is kept."""
        if self._read_only:
            raise ValueError("this full-text index was opened to read only")
        with self._writing:
            writer = self._writer = self._writer or _writer(self._index, self._directory)
            try:
                self._write(writer, deletes, records, sequence)
            except BaseException as error:
                # What was not committed is forgotten. No traceback may hold the writer, since it holds the lock.
                self._writer = None
                del writer
                traceback.clear_frames(error.__traceback__)
                raise
            self._index.reload()

    def search(self, query: str, k: int, where: Filter) -> list[Hit]:
        if k <= 0:
            return []
        with damage_named(self._directory):
            searcher = self._searcher()
            terms = self._terms_of_all(searcher, query)
            if not terms:
                return []
            found = searcher.search(self._compose(terms, where), min(k, searcher.num_docs), count=False)
            addresses = [address for _, address in found.hits]
            chunk_ids = searcher.fast_field_values("chunk", addresses)
        return [Hit(chunk_id, score) for chunk_id, (score, _) in zip(chunk_ids, found.hits, strict=True)]

    def rescore(self, query: str, texts: Sequence[str], languages: Sequence[str] = ()) -> list[WordScore]:
        """Lucene's BM25 with k1 .9 and b .4 in place of tantivy's constants, and the same over word pairs."""
        analysed = [language_of(code) for code in languages] or [ENGLISH] * len(texts)
        with damage_named(self._directory):
            corpora = {language: self._corpus(query, language) for language in set(analysed)}
        pairs = zip(texts, analysed, strict=True)
        return [bm25.score(analysis.terms(text, language), corpora[language]) for text, language in pairs]

    def count(self, where: Filter | None = None) -> int:
        searcher = self._searcher()
        if where is None or where == Filter():
            return int(searcher.num_docs) - 1
        return int(searcher.search(self._filter_query(where), 1).count)

    def close(self) -> None:
        """Free the writer's lock. What was applied is on disk already."""
        with self._writing:
            self._writer = None

    # Writing

    def _write(self, writer: Any, deletes: Iterable[Filter], records: Sequence[TextRecord], sequence: int) -> None:
        for where in deletes:
            if where == Filter():
                writer.delete_all_documents()
            else:
                writer.delete_documents_by_query(self._filter_query(where))
        lasting = {record.chunk_id: record for record in records}
        for record in lasting.values():
            writer.delete_documents_by_term("chunk", record.chunk_id)
            writer.add_document(_document(record))
        writer.delete_documents_by_term("marker", _MARKER)
        writer.add_document(_marker_document(max(sequence, self._sequence_or_zero())))
        writer.commit()

    def _sequence_or_zero(self) -> int:
        try:
            return self.sequence
        except LookupError:
            return 0

    # Reading

    def _searcher(self) -> Any:
        if self._read_only:
            self._index.reload()
        return self._index.searcher()

    def _marker(self) -> tuple[int, int]:
        """``(sequence, format)``."""
        searcher = self._searcher()
        query = _tantivy().Query.term_query(self._schema, "marker", _MARKER)
        addresses = [address for _, address in searcher.search(query, 1, count=False).hits]
        if not addresses:
            raise LookupError("its sequence is missing")
        (sequence,) = searcher.fast_field_values("sequence", addresses)
        (form,) = searcher.fast_field_values("format", addresses)
        return int(sequence), int(form)

    def _probe(self) -> None:
        """Use every field once: the description of the fields has no checksum."""
        nothing = frozenset({""})
        self.search("probe", 1, Filter(nothing, nothing, nothing))
        searcher = self._searcher()
        self._others(searcher)
        found = searcher.search(_tantivy().Query.all_query(), 1, count=False)
        for field in ("chunk", "words"):
            searcher.fast_field_values(field, [address for _, address in found.hits])

    def _others(self, searcher: Any) -> list[str]:
        """The languages beside English that the index holds."""
        return [code for code in STEMMERS if searcher.doc_freq("language", code)]

    def _terms_of_all(self, searcher: Any, query: str) -> list[str]:
        """The stems to search for in every language; stop words only where no language has anything else."""
        languages = (ENGLISH, *self._others(searcher))
        analyse = analysis.content_terms
        if not any(analyse(searchable(query[:_MOST_READ]), language) for language in languages):
            analyse = analysis.terms
        return [term for each in languages for term in self._rarest(searcher, query, each, analyse)]

    def _query_terms(self, searcher: Any, query: str, language: str) -> list[str]:
        """The stems to search for in one language; stop words only where nothing else is."""
        return self._rarest(searcher, query, language, analysis.content_terms) or self._rarest(
            searcher, query, language, analysis.terms
        )

    def _rarest(self, searcher: Any, query: str, language: str, analyse: Callable[[str, str], list[str]]) -> list[str]:
        """A query's stems, the rarest where there are too many."""
        terms = list(dict.fromkeys(analyse(searchable(query[:_MOST_READ]), language)))
        if len(terms) <= _MOST_TERMS:
            return terms
        known = [(df, term) for term in terms if (df := searcher.doc_freq("text", term))]
        return [term for _, term in sorted(known)[:_MOST_TERMS]]

    def _compose(self, terms: Sequence[str], where: Filter) -> Any:
        query = _tantivy().Query
        words = query.boolean_query([(_should(), query.term_query(self._schema, "text", term)) for term in terms])
        filters = [query.const_score_query(part, 0.0) for part in self._filter_parts(where)]
        return words.and_must_match(*filters) if filters else words

    def _filter_query(self, where: Filter) -> Any:
        query = _tantivy().Query
        return query.boolean_query([(_tantivy().Occur.Must, part) for part in self._filter_parts(where)])

    def _filter_parts(self, where: Filter) -> list[Any]:
        fields = {
            "knowledge_base": where.knowledge_base_ids,
            "document": where.document_ids,
            "access": where.principals,
        }
        return [self._any_of(field, values) for field, values in fields.items() if values is not None]

    def _any_of(self, field: str, values: frozenset[str]) -> Any:
        """A few terms are walked through with the words; a set is collected first, which pays for many."""
        query = _tantivy().Query
        terms = sorted(map(utf8, values))
        if not 0 < len(terms) <= _FEW_TERMS:
            return query.term_set_query(self._schema, field, terms)
        each = [query.term_query(self._schema, field, term, "basic") for term in terms]
        return each[0] if len(each) == 1 else query.boolean_query([(_should(), term) for term in each])

    def _corpus(self, query: str, language: str) -> bm25.Corpus:
        searcher = self._searcher()
        terms = self._query_terms(searcher, query, language)
        stems = analysis.terms(searchable(query[:_MOST_READ]), language)[:_MOST_TERMS]
        pairs = {pair for pair in pairwise(stems) if not set(pair).isdisjoint(terms)}
        return bm25.Corpus(
            self._passages(searcher, language),
            self._average_length(searcher, language),
            {term: searcher.doc_freq("text", term) for term in terms},
            {pair: self._pair_frequency(searcher, pair) for pair in pairs},
        )

    def _passages(self, searcher: Any, language: str) -> int:
        """How many there are in a language."""
        if language != ENGLISH:
            return int(searcher.doc_freq("language", language))
        others = sum(searcher.doc_freq("language", code) for code in self._others(searcher))
        return max(int(searcher.num_docs) - 1 - int(others), 0)

    def _pair_frequency(self, searcher: Any, pair: tuple[str, str]) -> int:
        phrase = _tantivy().Query.phrase_query(self._schema, "text", list(pair))
        return int(searcher.search(phrase, 1).count)

    def _average_length(self, searcher: Any, language: str) -> float:
        """Words a chunk of a language, kept until the number of chunks changes."""
        documents, average = self._averages.get(language, (-1, 1.0))
        if documents != searcher.num_docs:
            found = searcher.aggregate(self._all_of(searcher, language), {"words": {"avg": {"field": "words"}}})
            documents, average = searcher.num_docs, float(found["words"]["value"] or 1.0)
            self._averages[language] = (documents, average)
        return average

    def _all_of(self, searcher: Any, language: str) -> Any:
        query, occur = _tantivy().Query, _tantivy().Occur
        if language != ENGLISH:
            return query.term_query(self._schema, "language", language, "basic")
        others = [query.term_query(self._schema, "language", code, "basic") for code in self._others(searcher)]
        parts = [(occur.Must, query.all_query()), *((occur.MustNot, other) for other in others)]
        return query.boolean_query(parts) if others else query.all_query()


# Tantivy itself


def _tantivy() -> Any:
    """The library, imported at first use."""
    import tantivy

    return tantivy


def _should() -> Any:
    return _tantivy().Occur.Should


def _schema() -> Any:
    builder = _tantivy().SchemaBuilder()
    builder.add_integer_field("chunk", indexed=True, fast=True)
    for name in ("knowledge_base", "document", "owner", "access", "language", "marker"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("text", tokenizer_name="whitespace", index_option="position")
    for name in ("words", "sequence", "format"):
        builder.add_integer_field(name, fast=True)
    return builder.build()


def _document(record: TextRecord) -> Any:
    """Integers go in by ``add_integer``: a number given by keyword may be lost in silence at commit."""
    document = _tantivy().Document()
    text = searched_text(record.title, record.heading, record.text)
    document.add_integer("chunk", record.chunk_id)
    document.add_text("knowledge_base", record.scope.knowledge_base_id)
    document.add_text("document", record.scope.document_id)
    document.add_text("owner", record.scope.owner_id)
    for principal in record.scope.access:
        document.add_text("access", principal)
    language = language_of(record.language)
    if language != ENGLISH:
        document.add_text("language", language)
    document.add_text("text", " ".join(analysis.terms(text, language)))
    document.add_integer("words", count_words(text))
    return document


def _marker_document(sequence: int) -> Any:
    document = _tantivy().Document()
    document.add_text("marker", _MARKER)
    document.add_integer("sequence", sequence)
    document.add_integer("format", FORMAT)
    return document


def _writer(index: Any, directory: Path) -> Any:
    try:
        writer = index.writer(_WRITER_MEMORY, 1)
    except ValueError as error:
        if "LockBusy" in str(error):
            raise IndexInUseError(f"another process writes to {directory}") from None
        raise
    discard_unfinished(directory)
    return writer
