"""What presentations, workbooks, JSON, e-mails and books become, and what is made of those that are bombs or locked."""

import json

import pytest

from sitechat.ingestion.formats.base import (
    Empty,
    Encrypted,
    Extracted,
    HoldsFiles,
    NotExtracted,
    TooLarge,
    Unreadable,
    Unsupported,
)
from sitechat.ingestion.formats.registry import extract
from tests.fixtures import documents, office

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def blocks(extracted: Extracted, kind: str = "") -> list[str]:
    return [extracted.text[b.start : b.end] for b in extracted.blocks if kind in ("", b.kind)]


# --- Presentations ----------------------------------------------------------------------------------------------------


def test_every_slide_is_a_heading_with_its_text_lists_tables_and_notes() -> None:
    extracted = extract(office.presentation(), "goats.pptx")
    assert extracted.title == "Keeping goats"
    assert blocks(extracted) == [
        "Slide 1: Keeping goats",
        "A short course",
        "Slide 2: Feeding",
        "- Hay twice a day\n- Never bread\n  - Not even dry",
        "Notes: Ask who has goats.",
        "Slide 3",
        "Milk by month.",
        "Month | Litres\nMay | 90",
        "In a group.",
    ]


def test_a_show_is_read_like_a_presentation() -> None:
    """A ``.ppsx`` differs in its declared type only."""
    types = office.member(office.presentation(), "[Content_Types].xml").decode()
    show = office.replaced(
        office.presentation(),
        "[Content_Types].xml",
        types.replace("presentationml.presentation.main", "presentationml.slideshow.main"),
    )
    assert extract(show, "goats.ppsx").title == "Keeping goats"


# --- Workbooks --------------------------------------------------------------------------------------------------------


def test_every_visible_sheet_is_a_heading_and_every_row_can_be_read_on_its_own() -> None:
    extracted = extract(office.workbook(), "harvest.xlsx")
    assert extracted.title == "harvest"
    assert blocks(extracted) == [
        "Harvest",
        "| Harvest of the year\nFruit: Plums; Picked: 2024-08-01; Kilos: 0.3; Share: 25%\n"
        "Fruit: Pears; Picked: 2024-09-15; Kilos: 1234567890123456; Share: 100%",
        "Numbers",
        "1 | 2\nTRUE |",
    ]


def test_a_workbook_whose_looks_are_broken_is_read_all_the_same() -> None:
    """Some programs write styles that only Excel puts up with."""
    text = extract(office.replaced(office.workbook(), "xl/styles.xml", "<x/>"), "harvest.xlsx").text
    assert "Fruit: Plums; Picked: 45505; Kilos: 0.3; Share: 0.25" in text


def test_a_sheet_that_claims_to_be_endless_is_read_as_far_as_it_goes() -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
        '<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="99999999999"><c><v>2</v></c></row></sheetData>'
        "</worksheet>"
    )
    assert "1" in extract(office.replaced(office.workbook(), "xl/worksheets/sheet1.xml", sheet), "endless.xlsx").text


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_values_stand_with_the_keys_that_lead_to_them_in_their_order() -> None:
    assert extract(office.JSON, "seeds.json").text.split("\n") == [
        "name: Seeds",
        "tags: garden, spring",
        "open: true",
        "price: 1.10",
        "address.city: Köln",
        "address.lines.first: Am Markt 1",
        "beds[0]: plant: Leek; rows: 3; notes.soil: dark",
        "beds[1]: plant: Chard; rows: 2",
    ]


@pytest.mark.parametrize("name", ["beds.jsonl", "beds.json"])
def test_values_on_lines_of_their_own_are_rows(name: str) -> None:
    assert extract(office.JSONL, name).text == "plant: Leek; rows: 3\nplant: Chard; soil.kind: dark"


def test_long_texts_in_json_are_paragraphs() -> None:
    """An article in a list is not pressed into a row."""
    data = json.dumps([{"head": "Frost", "body": "It is cold.\n\n" * 100}]).encode()
    extracted = extract(data, "news.json")
    assert [block.kind for block in extracted.blocks] == ["table", "paragraph"]
    assert extracted.text.startswith("[0].head: Frost\n\n[0].body: It is cold.\nIt is cold.")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": 1,}', "It is not valid JSON: correct line 1, column 9"),
        (b'{"a": 1}\n{"a": }\n', "It is not valid JSON: correct line 2, column 7"),
        (b'{\n"a": 1\n}\n}', "It is not valid JSON: correct line 4, column 1"),
        (b"[" * 200_000 + b"]" * 200_000, "Its lists and objects are nested too deeply"),
        (b'{"a":' * 900 + b"{}" + b"}" * 900, "There is no text in it."),
    ],
)
def test_json_that_cannot_be_read_says_where(data: bytes, reason: str) -> None:
    with pytest.raises(NotExtracted) as caught:
        extract(data, "data.json")
    assert caught.value.message.startswith(reason)


def test_the_digits_of_a_number_are_kept_however_many_there_are() -> None:
    assert extract(b"[" + b"9" * 10_000 + b"]", "n.json").text == "9" * 10_000


# --- E-mails ----------------------------------------------------------------------------------------------------------


def test_an_email_is_its_subject_its_people_its_text_and_the_names_of_what_is_attached() -> None:
    extracted = extract(office.email(html="<p>The <b>same</b> in colours.</p>"), "mail.eml")
    assert extracted.title == "Die Pumpe läuft nicht"
    assert blocks(extracted) == [
        "Die Pumpe läuft nicht",
        "From: Anna Groß <anna@example.org>\nTo: bo@example.org\nDate: Mon, 03 Jun 2024 10:00:00 +0200",
        "The pump is loud.",
        "Please call.",
        "Attachments: pump.pdf",
    ]


def test_an_email_of_html_alone_is_read_as_a_page() -> None:
    html = "<html><head><title>x</title></head><body><h2>News</h2><ul><li>Leeks</li></ul><script>no()</script></body>"
    assert blocks(extract(office.email("", html, ""), "mail.eml"))[2:] == ["News", "- Leeks"]


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"I am no e-mail.", Unreadable, "It is named like an e-mail but is not one"),
        (b"From: a@b.c\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx", Encrypted, "It is encr"),
        (b"From: a@b.c\n\n-----BEGIN PGP MESSAGE-----\n\nx", Encrypted, "It is encrypted"),
    ],
)
def test_emails_that_cannot_be_read_say_why(data: bytes, kind: type[NotExtracted], reason: str) -> None:
    with pytest.raises(kind, match=reason):
        extract(data, "mail.eml")


def test_letters_that_a_header_may_not_have_are_read_all_the_same() -> None:
    assert extract("Subject: Größe\nFrom: a@b.c\n\nText.".encode(), "mail.eml").title == "Größe"


# --- Books ------------------------------------------------------------------------------------------------------------


def test_a_book_is_read_chapter_by_chapter_in_the_order_of_its_spine() -> None:
    """A chapter without a heading is called what the table of contents calls it, which itself is left out."""
    extracted = extract(office.book(), "mill.epub")
    assert extracted.title == "The mill"
    assert blocks(extracted) == [
        "The river",
        "The river rises. It falls.",
        "- Past the mill",
        "Chapter two",
        "The mill stands.",
    ]


def test_an_older_book_has_its_headings_from_its_ncx() -> None:
    ncx = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel>'
        '<text>Old river</text></navLabel><content src="text/one%20a.xhtml#a"/></navPoint></navMap></ncx>'
    )
    package = office.PACKAGE.replace("application/xhtml+xml", "application/x-dtbncx+xml", 3)
    package = package.replace("application/x-dtbncx+xml", "application/xhtml+xml", 2).replace(' properties="nav"', "")
    older = office.replaced(office.replaced(office.book(), "OPS/book.opf", package), "OPS/nav.xhtml", ncx)
    assert blocks(extract(older, "mill.epub"), "heading") == ["Old river", "Chapter two"]


def test_a_page_that_is_no_xml_is_read_as_html() -> None:
    broken = office.replaced(office.book(), "OPS/text/two.xhtml", "<h1>Two</h1><p>Not <b>closed.<p>At all.")
    assert blocks(extract(broken, "mill.epub"))[-3:] == ["Two", "Not closed.", "At all."]


@pytest.mark.parametrize(("address", "locked"), [("OPS/text/two.xhtml", True), ("OPS/font.otf", False)])
def test_a_book_is_locked_when_its_chapters_are_and_not_its_fonts(address: str, locked: bool) -> None:
    encryption = f'<encryption><x:CipherReference xmlns:x="urn:x" URI="{address}"/></encryption>'
    book = office.replaced(office.book(), "META-INF/encryption.xml", encryption)
    if locked:
        with pytest.raises(Encrypted, match="copy protection"):
            extract(book, "mill.epub")
    else:
        assert extract(book, "mill.epub").title == "The mill"


# --- What a file is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (documents.word(), "Handbook of bees"),
        (office.presentation(), "Keeping goats"),
        (office.workbook(), "x"),
        (office.book(), "The mill"),
    ],
)
@pytest.mark.parametrize("name", ["x.docx", "x.pptx", "x.xlsx", "x.epub", "x.zip", "x.txt"])
def test_an_archive_is_what_is_in_it_whatever_it_is_called(data: bytes, title: str, name: str) -> None:
    assert extract(data, name).title == title


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("WordDocument", "Word files from before 2007 are not read yet; save it as .docx and add it again."),
        (
            "PowerPoint Document",
            "PowerPoint files from before 2007 are not read yet; save it as .pptx and add it again.",
        ),
        ("Workbook", "Excel files from before 2007 are not read yet; save it as .xlsx and add it again."),
        ("__properties_version1.0", "Outlook messages are not read yet; save it as .eml and add it again."),
    ],
)
def test_office_files_of_old_say_what_to_save_them_as(entry: str, reason: str) -> None:
    with pytest.raises(Unsupported) as caught:
        extract(OLE + entry.encode("utf-16-le"), "x.pptx")
    assert caught.value.message == reason


@pytest.mark.parametrize("name", ["x.docx", "x.pptx", "x.xlsx"])
def test_office_files_with_a_password_say_so(name: str) -> None:
    """They are no archives: the archive is inside, encrypted."""
    with pytest.raises(Encrypted, match="protected by a password"):
        extract(OLE + "EncryptedPackage".encode("utf-16-le"), name)


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("x.docx", ("notes/word/letter.txt", "Dear Anna")),
        ("x.zip", ("word/letter.txt", "Dear Anna")),
    ],
)
def test_an_archive_of_other_files_is_none_of_these(name: str, member: tuple[str, str]) -> None:
    with pytest.raises(HoldsFiles, match="unpack it and add the files"):
        extract(office.archive(member), name)


@pytest.mark.parametrize("name", ["x.pptx", "x.xlsx", "x.epub"])
def test_text_that_is_named_like_one_of_these_is_said_to_be_none(name: str) -> None:
    with pytest.raises(Unreadable, match=r"It is named like an? .* but is not one"):
        extract(b"I am text.", name)


# --- Bombs ------------------------------------------------------------------------------------------------------------

ENTITIES = (
    '<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
)
SAMPLES = {
    "word/document.xml": documents.word(),
    "ppt/slides/slide1.xml": office.presentation(),
    "xl/worksheets/sheet1.xml": office.workbook(),
    "OPS/text/two.xhtml": office.book(),
}


@pytest.mark.parametrize("member", SAMPLES)
def test_what_unpacks_to_far_more_than_a_document_is_refused(member: str) -> None:
    bomb = office.replaced(SAMPLES[member], member, b" " * (201 << 20))
    with pytest.raises(TooLarge, match="unpacks to far more"):
        extract(bomb, "bomb")


@pytest.mark.parametrize("member", SAMPLES)
def test_a_size_that_is_a_lie_unpacks_to_no_more_than_it_says(member: str) -> None:
    bomb = office.lying(office.replaced(SAMPLES[member], member, b" " * (30 << 20)), member, 100)
    with pytest.raises(Unreadable, match="It is damaged"):
        extract(bomb, "bomb")


@pytest.mark.parametrize("member", SAMPLES)
def test_entities_are_not_expanded(member: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("entities") / "secret.txt"
    secret.write_text("THE SECRET")
    whole = office.member(SAMPLES[member], member).decode()
    declared = ENTITIES.replace("]>", f'<!ENTITY s SYSTEM "{secret.as_uri()}">]>')
    start = whole.index("<", whole.index("?>") if whole.startswith("<?xml") else 0)
    body = whole[start:].partition("<!DOCTYPE html")[0] or whole[whole.index("<html") :]
    evil = declared + body.replace("</", "&c;&s;</", 3)
    try:
        text = extract(office.replaced(SAMPLES[member], member, evil), "bomb").text
    except NotExtracted:
        return
    assert "lollol" not in text
    assert "SECRET" not in text


def test_a_workbook_with_declarations_is_not_opened() -> None:
    """The parser beneath would expand their entities."""
    for encoding in ("utf-8", "utf-16"):
        evil = office.replaced(office.workbook(), "xl/sharedStrings.xml", f"{ENTITIES}<sst/>".encode(encoding))
        with pytest.raises(Unreadable, match="XML declarations that no Office program writes"):
            extract(evil, "evil.xlsx")


def test_what_has_no_text_is_said_to_have_none() -> None:
    for data in (office.archive(("META-INF/container.xml", office.CONTAINER), ("OPS/book.opf", "<package/>")), b"[]"):
        with pytest.raises(Empty):
            extract(data, "x.json")
