"""Original files are kept whole, once, and never under a name from outside."""

import hashlib
import io
import os
from pathlib import Path

import pytest

from sitechat.errors import InvalidInput, NotFound
from sitechat.ingestion.blobs import BlobStore, TooLargeToKeep

DATA = b"The original, byte for byte." * 1000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_file_is_kept_under_the_hash_of_its_content(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "report.pdf"
    source.write_bytes(DATA)
    assert store.put(source, 10**6) == (SHA, len(DATA))
    assert store.path(SHA).read_bytes() == DATA
    assert store.holds(SHA)


def test_a_stream_is_kept_like_a_file(store: BlobStore) -> None:
    assert store.put(io.BytesIO(DATA), 10**6) == (SHA, len(DATA))


def test_the_same_content_is_kept_once(store: BlobStore, tmp_path: Path) -> None:
    for _ in range(3):
        store.put(io.BytesIO(DATA), 10**6)
    assert len(files(tmp_path)) == 1


def test_a_file_above_the_limit_leaves_nothing_behind(store: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(TooLargeToKeep, match="larger than"):
        store.put(io.BytesIO(DATA), len(DATA) - 1)
    assert files(tmp_path) == []
    assert store.put(io.BytesIO(DATA), len(DATA))[1] == len(DATA)


class Broken(io.RawIOBase):
    """A stream that breaks off."""

    def readinto(self, _buffer: object, /) -> int:
        raise ConnectionError("the browser left")

    def readable(self) -> bool:
        return True


def test_a_stream_that_breaks_off_leaves_nothing_behind(store: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        store.put(io.BufferedReader(Broken()), 10**6)
    assert files(tmp_path) == []


def test_a_cut_copy_is_replaced_by_the_whole_one(store: BlobStore) -> None:
    """What a broken disk or a restored backup may leave."""
    store.put(io.BytesIO(DATA), 10**6)
    store.path(SHA).write_bytes(DATA[:10])
    store.put(io.BytesIO(DATA), 10**6)
    assert store.path(SHA).read_bytes() == DATA


def test_deleting_twice_is_no_error(store: BlobStore) -> None:
    store.put(io.BytesIO(DATA), 10**6)
    store.delete(SHA)
    store.delete(SHA)
    assert not store.holds(SHA)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "ab", SHA.upper(), SHA + "\n", f"{SHA[:60]}/../"])
def test_what_is_no_hash_is_no_path(store: BlobStore, name: str) -> None:
    with pytest.raises(InvalidInput):
        store.path(name)


def test_what_an_interrupted_write_left_is_tidied_away_but_not_a_write_in_progress(
    store: BlobStore, tmp_path: Path
) -> None:
    store.put(io.BytesIO(DATA), 10**6)
    incoming = tmp_path / "blobs" / "incoming"
    (incoming / "of-the-dead.part").write_bytes(b"half")

    class Tidying(io.BytesIO):
        """Another process tidies while this is being copied."""

        def read(self, size: int | None = -1) -> bytes:
            removed.append(BlobStore(tmp_path / "blobs").tidy())
            return super().read(size)

    removed: list[int] = []
    assert store.put(Tidying(b"other"), 10**6)[1] == 5
    assert removed == [1, 0]
    assert files(incoming) == []
    assert store.holds(SHA)


def test_what_is_no_file_is_not_waited_for(store: BlobStore, tmp_path: Path) -> None:
    """A named pipe would block for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "absent", tmp_path):
        with pytest.raises(NotFound):
            store.put(path, 10**6)
