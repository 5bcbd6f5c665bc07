"""A question set in a knowledge base of its own, read by the real ingestion.

Everything lies in a folder below the data directory that belongs to the set and the search model, so that the next
evaluation finds what is unchanged already embedded, and nothing of it meets a person's own documents.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sitechat.errors import Unavailable
from sitechat.evaluation.examination import Texts
from sitechat.evaluation.question_set import QuestionSet, Text
from sitechat.identity import LOCAL
from sitechat.progress import ProgressRecord
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.values import KnowledgeBase

FOLDER = "evaluation"
_BASE = "Evaluation"
_LOADING = 600.0
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True)
class Laboratory:
    """A set that can be asked: the engine that serves it alone, its knowledge base, and its texts."""

    engine: Runtime
    base: KnowledgeBase
    texts: Texts


@contextmanager
def laboratory(
    settings: Settings, questions: QuestionSet, folder: Path, tell: Callable[[ProgressRecord], None]
) -> Iterator[Laboratory]:
    """Read the set, as far as it is not read yet; ``tell`` hears how far that is. Raises ``SiteChatError``."""
    mark = hashlib.sha256(f"{folder.resolve()}\0{settings.embedding}".encode()).hexdigest()[:8]
    home = settings.data_dir / FOLDER / f"{re.sub(r'[^A-Za-z0-9_-]', '-', questions.name)[:40]}-{mark}"
    alone = {"data_dir": home, "sample": False, "notify_webhook": None, "notify_email_to": ""}
    engine = Runtime.open(settings.model_copy(update=alone))
    try:
        base = _read(engine, questions.texts, home / "texts", tell)
        yield Laboratory(engine, base, _texts(engine, base, questions.texts))
    finally:
        engine.close()


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


def _texts(engine: Runtime, base: KnowledgeBase, texts: Sequence[Text]) -> Texts:
    passages = engine.call(KnowledgeStore(engine.db).chunk_ids(LOCAL, base.id), timeout=_LOADING)
    by_uri = {uri: texts[int(uri.rpartition("/")[2].partition(".")[0])].id for uri in passages}
    return Texts(by_uri, passages, {text.id: text.title for text in texts})


def _write(texts: Sequence[Text], folder: Path) -> None:
    """A file for each text; what is the same already is left alone, so that it is not read again."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {f"{number:07}{_ending(text)}": text for number, text in enumerate(texts)}
    for name in {path.name for path in folder.iterdir()} - wanted.keys():
        (folder / name).unlink()
    for name, text in wanted.items():
        path, content = folder / name, _content(text)
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


def _ending(text: Text) -> str:
    return text.file.suffix if text.file else ".md"


def _content(text: Text) -> bytes:
    return text.file.read_bytes() if text.file else _as_markdown(text).encode()


def _as_markdown(text: Text) -> str:
    """Each letter stands for itself: no star or line makes a list or a heading."""
    body = "\n\n".join(_escaped(" ".join(part.split())) for part in re.split(r"\n\s*\n", text.text) if part.strip())
    title = _escaped(" ".join(text.title.split()))
    return f"# {title}\n\n{body}\n" if title else f"{body}\n"


def _escaped(words: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", words)
