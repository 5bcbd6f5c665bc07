"""The sample: SiteChat's own documentation as a knowledge base, so that the first page has something to ask.

It is made once; a person who deletes it keeps it deleted. Where the documentation has changed since the last start, it
is read again by the way that everything takes. An installation without the documentation beside it has no sample.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import sitechat
from sitechat.identity import Caller
from sitechat.ingestion.indexing import RECIPE
from sitechat.ingestion.knowledge import KnowledgeService
from sitechat.ingestion.service import IngestionService
from sitechat.storage.values import Document, KnowledgeBase

log = logging.getLogger(__name__)

NAME = "SiteChat documentation"
DESCRIPTION = "How SiteChat is used, set up and built: its own documentation, read like any other."
QUESTIONS = (
    "How do I add my own documents?",
    "What happens when I reload the page while an answer is being written?",
    "How do I use my own OpenAI-compatible server?",
)
MARKER = "sample.json"
"""File in the data directory that tells that the sample has been made once."""
_CHECKOUT = Path(sitechat.__file__).resolve().parent.parent


async def ensure_sample(
    caller: Caller,
    knowledge: KnowledgeService,
    ingestion: IngestionService,
    data_dir: Path,
    root: Path | None = None,
) -> None:
    """Make or refresh the sample from ``root``, by default the checkout that this package lies in."""
    current = await asyncio.to_thread(_documentation, root or _CHECKOUT)
    marker = _Marker(data_dir / MARKER)
    base = await _base(caller, knowledge, await asyncio.to_thread(marker.read)) if current else None
    if base is None:
        return
    stored = {document.uri: document for document in await knowledge.documents(caller, base.id)}
    for uri in await asyncio.to_thread(marker.update, base.id, list(current)):
        if uri in stored:
            await knowledge.delete_document(caller, stored[uri].id)
    stale = [path for uri, path in current.items() if not await asyncio.to_thread(_is_fresh, stored.get(uri), path)]
    if stale and not await _busy(caller, ingestion, base.id):
        await ingestion.add_paths(caller, base.id, stale, once=True)


async def _base(caller: Caller, knowledge: KnowledgeService, made: str | None) -> KnowledgeBase | None:
    """The knowledge base, made where it never was; None where a person has deleted it."""
    if made is not None:
        return next((base for base in await knowledge.visible(caller) if base.id == made), None)
    base = await knowledge.find(caller, NAME)
    return base or await knowledge.create(caller, NAME, DESCRIPTION, QUESTIONS)


async def _busy(caller: Caller, ingestion: IngestionService, knowledge_base_id: str) -> bool:
    """Whether a former start's job has not ended yet."""
    records = await ingestion.progress(caller, knowledge_base_id)
    return any(record.is_open for record in records)


def _documentation(root: Path) -> dict[str, Path]:
    """Name in the knowledge base to file; empty where this is no checkout."""
    if not (root / "pyproject.toml").is_file():
        return {}
    files = [*root.glob("README.md"), *sorted(root.glob("docs/*.md"))]
    return {f"file:{path.name}": path for path in files}


def _is_fresh(document: Document | None, path: Path) -> bool:
    if document is None or document.recipe != RECIPE:
        return False
    return document.blob == hashlib.sha256(path.read_bytes()).hexdigest()


class _Marker:
    """Which knowledge base was made, and of which documents: so that one that vanishes from the documentation goes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> str | None:
        return self._load()[0]

    def update(self, knowledge_base_id: str, uris: Sequence[str]) -> list[str]:
        """Remember; returns what was there before and is not any more."""
        former = self._load()
        if former != (knowledge_base_id, list(uris)):
            temporary = self._path.with_name(self._path.name + ".tmp")
            temporary.write_text(json.dumps({"knowledge_base": knowledge_base_id, "documents": list(uris)}), "utf-8")
            temporary.replace(self._path)
        return [uri for uri in former[1] if uri not in uris]

    def _load(self) -> tuple[str | None, list[str]]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
            return str(found["knowledge_base"]), [str(uri) for uri in found["documents"]]
        except FileNotFoundError:
            return None, []
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("%s cannot be read; it is made again", self._path)
            return None, []
