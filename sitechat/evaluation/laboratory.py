"""A question set in a knowledge base of its own, read by the real ingestion and asked through the real pipeline.

Everything lies in a folder below the data directory that belongs to the set and the search model, so that the next
evaluation finds what is unchanged already embedded, and nothing of it meets a person's own documents.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sitechat.errors import Unavailable
from sitechat.evaluation.question_set import Question, QuestionSet, Text
from sitechat.events import Event, Status
from sitechat.identity import LOCAL
from sitechat.pipeline.answer import answer
from sitechat.pipeline.retrieve import RESCORED, retrieve
from sitechat.pipeline.rewrite import rewrite
from sitechat.pipeline.state import TurnState
from sitechat.progress import ProgressRecord
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from sitechat.storage.values import KnowledgeBase, Message

FOLDER = "evaluation"
_BASE = "Evaluation"
_LOADING = 600.0
_ASKING = 300.0
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question. ``ranked`` are ids of texts, best first; ``milliseconds`` by step.

    ``answer`` and ``refused`` are None where only retrieval was measured.
    """

    question: Question
    ranked: tuple[str, ...]
    milliseconds: dict[str, float]
    answer: str | None = None
    refused: bool | None = None


class Laboratory:
    """Open with :meth:`open`; then :meth:`ask`."""

    def __init__(self, engine: Runtime, base: KnowledgeBase, ids: Sequence[str]) -> None:
        self._engine = engine
        self._base = base
        self._ids = ids

    @classmethod
    @contextmanager
    def open(
        cls, settings: Settings, questions: QuestionSet, folder: Path, tell: Callable[[ProgressRecord], None]
    ) -> Iterator["Laboratory"]:
        """Read the set, as far as it is not read yet; ``tell`` hears how far that is. Raises ``SiteChatError``."""
        mark = hashlib.sha256(f"{folder.resolve()}\0{settings.embedding}".encode()).hexdigest()[:8]
        home = settings.data_dir / FOLDER / f"{re.sub(r'[^A-Za-z0-9_-]', '-', questions.name)[:40]}-{mark}"
        own = settings.model_copy(update={"data_dir": home, "sample": False})
        engine = Runtime.open(own)
        try:
            yield cls(engine, _read(engine, questions.texts, home / "texts", tell), [t.id for t in questions.texts])
        finally:
            engine.close()

    def ask(self, question: Question, *, model: str | None = None) -> Outcome:
        """The ranking for one question and, with a ``model``, what it answers."""
        return self._engine.call(self._ask(question, model), timeout=_ASKING)

    async def _ask(self, question: Question, model: str | None) -> Outcome:
        tools = self._engine.tools(model or "extractive")
        state = TurnState(LOCAL, question.text, tuple(map(_asked, question.history)), self._base)
        spent: dict[str, float] = {}
        for step in (rewrite, retrieve):
            async for event in step(state, replace(tools, passages=RESCORED)):
                _note(event, spent)
        ranked = tuple(dict.fromkeys(self._id(hit.chunk.uri) for hit in state.hits))
        if model is None:
            return Outcome(question, ranked, spent)
        state.hits = state.hits[: tools.passages]
        async for event in answer(state, tools):
            _note(event, spent)
        return Outcome(question, ranked, spent, state.content, state.refused)

    def _id(self, uri: str) -> str:
        return self._ids[int(uri.rpartition("/")[2].removesuffix(".md"))]


def _read(
    engine: Runtime, texts: Sequence[Text], folder: Path, tell: Callable[[ProgressRecord], None]
) -> KnowledgeBase:
    _write(texts, folder)
    base = engine.call(engine.knowledge.find(LOCAL, _BASE)) or engine.call(engine.knowledge.create(LOCAL, _BASE))
    job = engine.call(engine.ingestion.add_paths(LOCAL, base.id, [folder]))
    for record in engine.records(LOCAL, job):
        tell(record)
    if record.ready_files < len(texts):
        unread = record.total_files - record.ready_files
        raise Unavailable(f"{unread:,} of the set's texts could not be read. {record.error_message or ''}".strip())
    engine.call(engine.indexes.ready(), timeout=_LOADING)
    engine.call(engine.indexes.catch_up(), timeout=_LOADING)
    return engine.call(engine.knowledge.get(LOCAL, base.id))


def _write(texts: Sequence[Text], folder: Path) -> None:
    """A file for each text; what is the same already is left alone, so that it is not read again."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {f"{number:07}.md": _as_markdown(text) for number, text in enumerate(texts)}
    for name in {path.name for path in folder.iterdir()} - wanted.keys():
        (folder / name).unlink()
    for name, content in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")


def _as_markdown(text: Text) -> str:
    """Each letter stands for itself: no star or line makes a list or a heading."""
    body = "\n\n".join(_escaped(" ".join(part.split())) for part in re.split(r"\n\s*\n", text.text) if part.strip())
    title = _escaped(" ".join(text.title.split()))
    return f"# {title}\n\n{body}\n" if title else f"{body}\n"


def _escaped(words: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", words)


def _asked(text: str) -> Message:
    """A question of before, as conversations keep it."""
    return Message("", "", "user", text, "complete", False, (), (), None, (), None, datetime.now(UTC))


def _note(event: Event, spent: dict[str, float]) -> None:
    if isinstance(event, Status) and event.detail and "ms" in event.detail:
        spent[event.step] = float(str(event.detail["ms"]))
