"""Zip archives: each file inside becomes a document of its own or says why it did not, and none is ever a path."""

import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from sitechat.identity import LOCAL
from sitechat.ingestion.formats.base import Empty, Encrypted, TooLarge, Unreadable
from sitechat.ingestion.formats.members import list_members
from sitechat.ingestion.formats.registry import extract
from sitechat.ingestion.uploads import Upload
from sitechat.progress import ItemRecord
from tests.fixtures import documents
from tests.support.library import Library, open_library

TEXT = "Otters hold hands while they sleep."


def info(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, mode << 16
    made.compress_type = zipfile.ZIP_DEFLATED
    return made


def packed(members: Iterable[tuple[str | zipfile.ZipInfo, str | bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")  # it says that a name is there already
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def edited(data: bytes, offset_local: int, offset_central: int, value: bytes) -> bytes:
    """Bytes of the first member's headers replaced, in both places."""
    out = bytearray(data)
    for start, offset in ((data.index(b"PK\x03\x04"), offset_local), (data.index(b"PK\x01\x02"), offset_central)):
        out[start + offset : start + offset + len(value)] = value
    return bytes(out)


def locked(data: bytes) -> bytes:
    return edited(data, 6, 8, struct.pack("<H", 1))


async def upload(library: Library, name: str, data: bytes) -> list[ItemRecord]:
    base = await library.base()
    job_id = await library.ingestion.add_uploads(LOCAL, base.id, [Upload(name, data)])
    record = await library.ended(job_id)
    assert record.progress_percentage == 100
    return await library.ingestion.items(LOCAL, job_id)


def with_raw_names(*names: bytes) -> bytes:
    """An archive whose names are these bytes, of which it does not say what they mean."""
    stand_ins = [f"{n:02}".ljust(len(name), "~") for n, name in enumerate(names)]
    data = packed([(stand_in, f"{TEXT} {stand_in}") for stand_in in stand_ins])
    for stand_in, name in zip(stand_ins, names, strict=True):
        data = data.replace(stand_in.encode(), name, 1)
        at = data.rindex(stand_in.encode())  # in the directory at the end
        data = data[:at] + name + data[at + len(name) :]
    return data


async def titles(library: Library) -> dict[str, str]:
    base = await library.base()
    return {document.uri: document.title for document in await library.knowledge.documents(LOCAL, base.id)}


# From an archive to documents


async def test_each_file_of_an_archive_becomes_a_document_under_its_name(library: Library) -> None:
    data = packed(
        [
            ("notes/", ""),
            ("notes/otters.md", f"# Otters\n\n{TEXT}"),
            ("handbook.docx", documents.word()),
            ("picture.gif", b"GIF89a"),
            ("notes/.hidden.md", "x"),
            ("__MACOSX/notes/._otters.md", "x"),
        ]
    )
    items = await upload(library, "papers.zip", data)
    assert [(item.name, item.outcome or item.cause) for item in items] == [
        ("papers.zip", "looked through"),
        ("papers.zip/notes/otters.md", "indexed"),
        ("papers.zip/handbook.docx", "indexed"),
        ("papers.zip/picture.gif", "unsupported"),
    ]
    assert await titles(library) == {
        "file:papers.zip/notes/otters.md": "Otters",
        "file:papers.zip/handbook.docx": "Handbook of bees",
    }


async def test_an_archive_in_a_folder_is_opened_too(library: Library, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "old.zip").write_bytes(packed([("a/b.txt", TEXT)]))
    items = await library.ingest(tmp_path / "docs")
    assert [item.name for item in items] == ["docs/old.zip", "docs/old.zip/a/b.txt"]
    assert list(await titles(library)) == ["file:docs/old.zip/a/b.txt"]


async def test_an_unchanged_archive_costs_no_embedding_and_a_changed_file_only_its_own(library: Library) -> None:
    first = [("a.md", f"# A\n\n{TEXT}"), ("b.md", "# B\n\nHerons stand still.")]
    await upload(library, "x.zip", packed(first))
    embedded = library.embedder.texts
    assert [item.outcome for item in await upload(library, "x.zip", packed(first))][1:] == ["unchanged", "unchanged"]
    assert library.embedder.texts == embedded
    changed = [first[0], ("b.md", "# B\n\nHerons wait.")]
    outcomes = [item.outcome for item in await upload(library, "x.zip", packed(changed))]
    assert outcomes[1:] == ["unchanged", "indexed"]


async def test_an_archive_in_place_of_a_document_removes_it(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(documents.word())
    await library.ingest(path)
    assert list(await titles(library)) == ["file:x.zip"]
    path.write_bytes(packed([("a.txt", TEXT)]))
    await library.ingest(path)
    assert list(await titles(library)) == ["file:x.zip/a.txt"]


async def test_originals_of_an_archive_go_when_nobody_needs_them(library: Library) -> None:
    await upload(library, "x.zip", packed([("a.txt", TEXT)]))
    base = await library.base()
    (document,) = await library.knowledge.documents(LOCAL, base.id)
    await library.ingestion.close()
    assert library.ingestion.blobs.kept() == {document.blob}


async def test_an_archive_taken_up_again_after_its_files_were_journalled_doubles_nothing(tmp_path: Path) -> None:
    """As after a kill between the last batch and the end of the archive's own item."""
    many = [(f"{n}.txt", f"{TEXT} Number {n}.") for n in range(70)]
    async with open_library(tmp_path) as library:
        base = await library.base()
        job_id = await library.ingestion.add_uploads(LOCAL, base.id, [Upload("x.zip", packed(many))])
        while len(await library.ingestion.items(LOCAL, job_id)) < 2:
            await library.ingestion.wait_for_change(LOCAL, job_id, timeout=0.01)
    async with open_library(tmp_path) as library:
        record = await library.ended(job_id)
        items = await library.ingestion.items(LOCAL, job_id)
        assert (record.status, len(items), len({item.uri for item in items})) == ("completed", 71, 71)
        assert len(await titles(library)) == 70


# What is not read, and why


async def test_every_file_that_is_not_read_says_why(library: Library) -> None:
    data = packed(
        [
            ("good.txt", TEXT),
            ("../../etc/cron.d/climbing.txt", "x"),
            ("/etc/absolute.txt", "x"),
            ("C:\\drive.txt", "x"),
            ("folder\\back.txt", TEXT + " Backwards."),
            (info("link.txt", stat.S_IFLNK | 0o777), "/etc/passwd"),
            ("inner.zip", packed([("a.txt", TEXT)])),
            ("disguised.txt", packed([("a.txt", TEXT)])),
            ("twice.txt", "the first"),
            ("twice.txt", TEXT + " The second."),
            ("too-large.txt", bytes(200_000_000)),
        ]
    )
    items = {item.name.removeprefix("x.zip/"): item for item in await upload(library, "x.zip", data)}
    assert {name: (item.state, item.cause) for name, item in items.items() if item.state != "completed"} == {
        "etc/cron.d/climbing.txt": ("skipped", "refused"),
        "etc/absolute.txt": ("skipped", "refused"),
        "C:/drive.txt": ("skipped", "refused"),
        "link.txt": ("skipped", "refused"),
        "inner.zip": ("skipped", "unsupported"),
        "disguised.txt": ("skipped", "unsupported"),
        "twice.txt (2)": ("skipped", "duplicate"),
        "too-large.txt": ("skipped", "too_large"),
    }
    assert all(item.reason.endswith(".") for item in items.values() if item.state != "completed")
    assert sorted(await titles(library)) == [
        "file:x.zip/folder/back.txt",
        "file:x.zip/good.txt",
        "file:x.zip/twice.txt",
    ]


async def test_a_damaged_file_stops_none_of_the_others(library: Library) -> None:
    data = packed([("a.txt", "first " + TEXT), ("b.txt", TEXT), ("c.txt", "third " + TEXT)], zipfile.ZIP_STORED)
    data = data.replace(b"first Otters", b"first Badger", 1)
    items = await upload(library, "x.zip", data)
    assert [(item.name, item.state, item.cause) for item in items[1:]] == [
        ("x.zip/a.txt", "skipped", "unreadable"),
        ("x.zip/b.txt", "completed", ""),
        ("x.zip/c.txt", "completed", ""),
    ]


@pytest.mark.parametrize(("size", "end"), [(5, "unreadable"), (5_000_000, "indexed")])
async def test_a_size_that_lies_never_yields_half_a_text(library: Library, size: int, end: str) -> None:
    data = edited(packed([("a.txt", TEXT), ("b.txt", TEXT)]), 22, 24, struct.pack("<I", size))
    items = await upload(library, "x.zip", data)
    assert [(item.name, item.cause or item.outcome) for item in items[1:]] == [
        ("x.zip/a.txt", end),
        ("x.zip/b.txt", "indexed"),
    ]
    base = await library.base()
    assert {document.size for document in await library.knowledge.documents(LOCAL, base.id)} == {len(TEXT)}


def test_one_locked_file_is_left_out_and_an_archive_of_only_such_is_refused() -> None:
    members = list_members(locked(packed([("a.txt", TEXT), ("b.txt", TEXT)])))
    assert [(member.name, member.cause) for member in members] == [("a.txt", "encrypted"), ("b.txt", "")]
    with pytest.raises(Encrypted):
        extract(locked(packed([("a.txt", TEXT)])), "x.zip")


def test_a_method_of_packing_that_is_not_read_says_what_to_do() -> None:
    (member,) = list_members(packed([("a.txt", TEXT)], zipfile.ZIP_LZMA))
    assert "pack the archive as an ordinary zip file" in member.skip


def test_what_unpacks_without_end_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(TooLarge):
        list_members(edited(packed([("a.txt", TEXT)]), 22, 24, struct.pack("<I", (1 << 30) + 1)))
    with pytest.raises(TooLarge):
        list_members(packed([(f"{n}.txt", "") for n in range(20_001)]))


def test_an_archive_without_files_says_so() -> None:
    for data in (packed([]), packed([("folder/", "")])):
        with pytest.raises(Empty, match="no files in it"):
            list_members(data)


def test_what_is_only_named_like_an_archive_says_so() -> None:
    for data in (b"no archive at all", bytes(range(256)) * 9, b"PK\x03\x04 and then rubbish"):
        with pytest.raises(Unreadable):
            extract(data, "x.zip")


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([("Übersicht/Größe.txt", "utf-8"), ("Straße.txt", "utf-8")], id="utf-8 without saying so"),
        pytest.param([("Отчёт о продажах за год.txt", "cp866"), ("Договор поставки.txt", "cp866")], id="cp866"),
        pytest.param([("売上報告書の概要.txt", "cp932"), ("契約書の写し.txt", "cp932")], id="cp932"),
    ],
)
def test_names_that_do_not_say_their_encoding_are_recognised(names: list[tuple[str, str]]) -> None:
    members = list_members(with_raw_names(*(name.encode(encoding) for name, encoding in names)))
    assert [member.name for member in members] == [name for name, _ in names]


def test_names_that_make_no_sense_are_still_names() -> None:
    members = list_members(with_raw_names(b"\xff\xfe\x07\x01\x02\x03\x04.txt", b"\x1b[31m\xe2\x80\xae.txt"))
    assert all(member.name.isprintable() and member.name.endswith(".txt") for member in members)


def test_long_names_are_cut_and_keep_their_ending() -> None:
    (member,) = list_members(packed([(f"{'f' * 300}/{'n' * 300}.txt", TEXT)]))
    folder, name = member.name.split("/")
    assert (len(folder), len(name), name[-4:]) == (200, 200, ".txt")
