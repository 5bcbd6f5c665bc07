"""The file a dense index is kept in: one header, then the columns of each shard, then a checksum of it all.

::

    "SITEVEC\\n"  8 bytes
    length of the header, 8 bytes little-endian
    header        JSON: format, facts (sequence, generation, spec, dimension, count), shards
    of each shard, in the header's order, little-endian and without padding:
                  ids i8, chunks i8, documents i4, readers i4, alive u1, vectors f4, graph (the backend's bytes)
    SHA-256 of everything before it, 32 bytes
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vectorstore.base import SnapshotError, VectorKind
from vectorstore.durable import replace_file
from vectorstore.shard import Codes, Columns, Shard

FORMAT = 1
_MAGIC = b"SITEVEC\n"
_DIGEST = 32

ShardKey = tuple[str, VectorKind]
"""Knowledge base and kind."""

GraphBytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a snapshot says of itself. ``count``: living vectors."""

    sequence: int
    generation: int
    spec: str
    dimension: int
    count: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A shard as it is on disk; ``graph`` covers the first ``graph_rows`` rows, where there is one."""

    shard: Shard
    graph: GraphBytes | None = None
    graph_rows: int = 0


def write_snapshot(path: Path, facts: Facts, shards: Mapping[ShardKey, Stored]) -> None:
    """Replace the snapshot at ``path``; a kill leaves the old or the new one. Raises ``OSError``."""
    described = [_describe(key, stored) for key, stored in shards.items()]
    header = json.dumps({"format": FORMAT, "facts": asdict(facts), "shards": described}).encode()

    def fill(file: BinaryIO) -> None:
        digest = hashlib.sha256()
        parts: list[Any] = [_MAGIC, len(header).to_bytes(8, "little"), header]
        for stored in shards.values():
            parts += [np.ascontiguousarray(part).data.cast("B") for part in _parts(stored) if part.size]
        for part in parts:
            digest.update(part)
            file.write(part)
        file.write(digest.digest())

    replace_file(path, fill)


def read_snapshot(path: Path) -> tuple[Facts, dict[ShardKey, Stored]]:
    """Read and verify. Raises :class:`SnapshotError` where it is absent, damaged or of another format."""
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except FileNotFoundError:
        raise SnapshotError(f"{path.name} is absent") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise SnapshotError(f"{path.name} is damaged ({type(error).__name__}: {error})") from error


def _read(file: BinaryIO, path: Path) -> tuple[Facts, dict[ShardKey, Stored]]:
    size = path.stat().st_size
    reader = _HashingReader(file)
    if bytes(reader.array(np.uint8, len(_MAGIC))) != _MAGIC:
        raise SnapshotError(f"{path.name} is damaged (it does not begin as a snapshot does)")
    length = int.from_bytes(bytes(reader.array(np.uint8, 8)), "little")
    if length > size:
        raise SnapshotError(f"{path.name} is damaged (its header is longer than the file)")
    header = json.loads(bytes(reader.array(np.uint8, length)))
    if header["format"] != FORMAT:
        raise SnapshotError(f"{path.name} has format {header['format']}, not {FORMAT}")
    facts = Facts(**header["facts"])
    expected = len(_MAGIC) + 8 + length + _DIGEST + sum(_size(item, facts) for item in header["shards"])
    if size != expected:
        raise SnapshotError(f"{path.name} is damaged (it has {size} bytes instead of {expected})")
    shards = {(item["knowledge_base"], item["kind"]): _load(reader, item, facts.dimension) for item in header["shards"]}
    if file.read(_DIGEST) != reader.digest():
        raise SnapshotError(f"{path.name} is damaged (its checksum is wrong)")
    return facts, shards


def _describe(key: ShardKey, stored: Stored) -> dict[str, Any]:
    shard = stored.shard
    return {
        "knowledge_base": key[0],
        "kind": key[1],
        "rows": shard.length,
        "newest": shard.newest,
        "documents": shard.documents.values[:],
        "readers": shard.readers.values[:],
        "graph_rows": stored.graph_rows,
        "graph_bytes": 0 if stored.graph is None else stored.graph.size,
    }


def _parts(stored: Stored) -> list[NDArray[Any]]:
    shard = stored.shard
    columns, rows = shard.columns, slice(shard.length)
    parts: list[NDArray[Any]] = [
        columns.ids[rows].astype("<i8", copy=False),
        columns.chunks[rows].astype("<i8", copy=False),
        columns.documents[rows].astype("<i4", copy=False),
        columns.readers[rows].astype("<i4", copy=False),
        shard.alive[rows].view(np.uint8),
        columns.vectors[rows].astype("<f4", copy=False),
    ]
    return parts if stored.graph is None else [*parts, stored.graph]


def _size(item: Mapping[str, Any], facts: Facts) -> int:
    return int(item["rows"]) * (8 + 8 + 4 + 4 + 1 + 4 * facts.dimension) + int(item["graph_bytes"])


def _load(reader: "_HashingReader", item: Mapping[str, Any], dimension: int) -> Stored:
    rows = int(item["rows"])
    columns = Columns(
        reader.array(np.int64, rows),
        reader.array(np.int64, rows),
        reader.array(np.int32, rows),
        reader.array(np.int32, rows),
        np.empty((rows, dimension), np.float32),
    )
    alive = reader.array(np.uint8, rows).astype(np.bool_)
    reader.fill(columns.vectors)
    readers = ((owner, tuple(access)) for owner, access in item["readers"])
    dead = rows - int(np.count_nonzero(alive))
    newest = int(item["newest"])
    shard = Shard(columns, alive, rows, dead, Codes(item["documents"]), Codes(readers), newest)
    size = int(item["graph_bytes"])
    return Stored(shard, reader.array(np.uint8, size) if size else None, int(item["graph_rows"]))


class _HashingReader:
    """Reads arrays one after the other and keeps the checksum of what it read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def digest(self) -> bytes:
        return self._hash.digest()

    def array(self, dtype: Any, count: int) -> NDArray[Any]:
        array = np.empty(count, np.dtype(dtype).newbyteorder("<"))
        self.fill(array)
        return array

    def fill(self, array: NDArray[Any]) -> None:
        if not array.size:
            return
        view = array.data.cast("B")
        if self._file.readinto(view) != len(view):  # type: ignore[attr-defined]
            raise ValueError("the file ends too early")
        self._hash.update(view)
