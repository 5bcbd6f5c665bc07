"""Opens the indexes as they lie on the disk, or begins anew where they cannot serve."""

from pathlib import Path

from sitechat.errors import Unavailable
from sitechat.storage.vectors import Generation
from vectorstore.base import SnapshotError, TextIndex, VectorStore
from vectorstore.factory import create_store, create_text_index, open_store, open_text_index

_NEWER = "belongs to a newer database"


def text_index(path: Path, head: int, *, serving: bool) -> tuple[TextIndex, str]:
    """The full-text index, and why it is a new one, else nothing; ``head`` is the newest change of the database."""
    try:
        index = open_text_index(path, read_only=not serving)
        if index.sequence <= head:
            return index, ""
        index.close()
        reason = _NEWER
    except SnapshotError as error:
        if not serving:
            raise Unavailable(f"The full-text index cannot be read: {error}") from error
        reason = str(error)
    return create_text_index(path), reason


def vector_store(path: Path, generation: Generation, head: int, exact_limit: int) -> tuple[VectorStore, str]:
    """The dense index of a generation, and why it is a new one, else nothing."""
    number, spec, dimension = generation.id, generation.embedding, generation.dimension
    try:
        store = open_store(path, generation=number, spec=spec, dimension=dimension, exact_limit=exact_limit)
        if store.sequence <= head:
            return store, ""
        reason = _NEWER
    except SnapshotError as error:
        reason = str(error)
    store = create_store(path, generation=number, spec=spec, dimension=dimension, exact_limit=exact_limit)
    return store, reason
