"""What each format's text, headings, lists, tables and titles become, and what is said of files that are not read."""

import codecs

import pytest

from sitechat.ingestion.formats.base import (
    Empty,
    Encrypted,
    Extracted,
    NeedsOcr,
    NotExtracted,
    TooLarge,
    Unreadable,
    Unsupported,
)
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.names import check_media_type, split_media_type, unsupported
from sitechat.ingestion.formats.registry import extract
from tests.fixtures import documents
from tests.fixtures.documents import Line, page, pdf


def blocks(extracted: Extracted, kind: str = "") -> list[str]:
    return [extracted.text[b.start : b.end] for b in extracted.blocks if kind in ("", b.kind)]


def outline(extracted: Extracted) -> list[tuple[int, str]]:
    return [(b.level, extracted.text[b.start : b.end]) for b in extracted.blocks if b.kind == "heading"]


# --- Text and its encodings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße aus Köln", "utf-8"),
        ("Grüße aus Köln", "utf-8-sig"),
        ("Grüße aus Köln", "utf-16"),
        ("Plain words", "utf-16-le"),
        ("Grüße aus Köln, wo der Dom steht und viele Menschen leben.", "cp1252"),
        ("Zażółć gęślą jaźń. Nie wiem, co dalej będzie z tą książką.", "cp1250"),
        ("Привет, как дела? Это проверка кодировки текста на русском языке.", "cp1251"),
        ("これは日本語の文章です。", "shift_jis"),
        ("日本語のテキスト", "iso2022_jp"),
        ("中文文本测试，这是一个测试文件。", "gbk"),
    ],
)
def test_text_is_read_in_whatever_encoding_it_comes(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_a_byte_order_mark_goes_before_what_is_declared() -> None:
    assert decode(codecs.BOM_UTF8 + "naïve".encode(), "latin-1") == "naïve"


def test_valid_utf_8_goes_before_a_wrong_declaration() -> None:
    """Servers often declare what they were once set to."""
    assert decode("naïve café".encode(), "iso-8859-1") == "naïve café"


def test_a_declaration_decides_where_bytes_alone_do_not() -> None:
    assert decode("ёлка".encode("koi8-r"), "koi8-r") == "ёлка"


def test_a_stray_byte_does_not_turn_a_page_into_mojibake() -> None:
    data = "é".encode() * 50 + b" caf\xe9 " + "ü".encode() * 50
    assert " café " in decode(data)


@pytest.mark.parametrize("data", [bytes(range(256)) * 20, b"MZ\x90\x00\x03\x00\x00\x00\x04\x00" * 30])
def test_what_is_not_text_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        extract(data, "notes.txt")


def test_invisible_and_control_characters_are_taken_out() -> None:
    """They hide words from the reader that the model would see, or break what handles the text later."""
    hidden = "ab\u200bc\u202ed\U000e0041e\x07f\ufeffg"
    assert extract(hidden.encode(), "a.txt").text == "abcdefg"


def test_paragraphs_of_plain_text_are_told_apart_and_newlines_are_one_kind() -> None:
    extracted = extract(documents.TEXT, "two_lines.txt")
    assert blocks(extracted) == ["The first paragraph is short.", "The second one follows.\nIt has two lines."]
    assert extracted.title == "two lines"


def test_lines_that_an_editor_broke_are_joined() -> None:
    wrapped = b"This line was broken by an editor after seventy characters or so, and\ngoes on here."
    assert extract(wrapped, "a.txt").text.count("\n") == 0


# --- Markdown ---------------------------------------------------------------------------------------------------------


def test_markdown_keeps_words_code_lists_and_tables_and_drops_the_marks() -> None:
    extracted = extract(documents.MARKDOWN, "tomatoes.md")
    assert extracted.title == "Growing tomatoes"
    assert outline(extracted) == [(1, "Tomatoes"), (2, "Watering")]
    assert blocks(extracted, "paragraph") == [
        "Tomatoes need six hours of sun. See the calendar and the guide.",
        "Water in the morning:",
        "Frost",
        "Cover them below 5 degrees.",
    ]
    assert blocks(extracted, "code") == ["water --litres 2"]
    assert blocks(extracted, "list") == ["- Roots like depth.\n- Leaves rot when wet."]
    assert blocks(extracted, "table") == ["Month | Litres\nMay | 2"]


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("Intro.\n\n# The name\n\nText.", "The name"),
        ("## Only section\n\nText.", "Only section"),
        ("## 1.1\n\nNew.\n\n## 1.0\n\nOld.", "release-notes"),
        ("No heading at all.", "release-notes"),
    ],
)
def test_the_title_of_markdown_is_the_heading_above_all_others(source: str, title: str) -> None:
    assert extract(source.encode(), "release-notes.md").title == title


def test_directives_of_documentation_tools_leave_no_debris() -> None:
    source = """# API

:::{tip}
Read this first.
:::

```{eval-rst}
.. automodule:: thing
```

```{code-block} python
:linenos:

print(1)
```

::: package.module
    options:
        show: true

After.
"""
    assert blocks(extract(source.encode(), "api.md")) == ["API", "Read this first.", "print(1)", "After."]


def test_html_within_markdown_is_read_too() -> None:
    source = b"# A\n\n<p align='center'><em>Shines.</em> <script>no()</script></p>\n"
    assert blocks(extract(source, "a.md")) == ["A", "Shines."]


# --- HTML -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "<!doctype html><title>Parking</title><main><h1>Parking</h1><p>Visitors park in row C.</p></main>",
        "<title>Parking</title><meta name=x><header>Parking</header>Visitors park in row C.",
        "<html><head><title>Parking</title><h2>Parking</h2></head><section>Visitors park in row C.</section>",
        "<title>Parking</title><car-park>Parking</car-park><p>Visitors park in row C.</p>",
    ],
)
def test_a_page_that_leaves_out_its_body_tag_has_one_all_the_same(page: str) -> None:
    extracted = extract(page.encode(), "parking.html")
    assert extracted.title == "Parking"
    assert [text for text in blocks(extracted) if text != "Parking"] == ["Visitors park in row C."]


def test_a_page_becomes_its_main_text_with_its_structure() -> None:
    extracted = extract(documents.HTML, "orchids.html")
    assert extracted.title == "Care of orchids"
    assert outline(extracted) == [(1, "Care of orchids"), (2, "Feeding")]
    assert blocks(extracted, "list") == ["1. Thin the fertiliser.\n2. Pour slowly."]
    assert blocks(extracted, "table") == ["Season | Feed\nSpring | Weekly"]
    assert blocks(extracted, "code") == ["dose = 0.5\npour(dose)"]
    for left_out in ("Home", "Shop", "alert", "color", "Imprint", "Ignore all", "¶"):
        assert left_out not in extracted.text


def test_nothing_within_the_page_is_lost_for_looking_odd() -> None:
    """Text straight in ``<body>``, in tables that lay out the page, and in definition lists."""
    html = """<html><body>Loose words begin.
    <table><tr><td><p>First column.</p><p>It goes on.</p></td><td><ul><li>Second column</li></ul></td></tr></table>
    <dl><dt>Term</dt><dd>Its meaning.</dd></dl>Loose words end.</body></html>"""
    text = extract(html.encode(), "odd.html").text
    for kept in ("Loose words begin.", "First column.", "It goes on.", "Second column", "Term", "Its meaning."):
        assert kept in text
    assert text.endswith("Loose words end.")


def test_a_table_of_contents_is_not_text() -> None:
    html = b"<ul><li><a href='#a'>One</a></li><li><a href='#b'>Two</a></li></ul><h2 id=a>One</h2><p>The text of it.</p>"
    assert blocks(extract(html, "toc.html")) == ["One", "The text of it."]


@pytest.mark.parametrize(
    "markup",
    [
        '<p style="display:none">Unseen words.</p>',
        '<p style="VISIBILITY : hidden !important">Unseen words.</p>',
        '<p style="font-size:0">Unseen <b>words</b>.</p>',
        '<p style="color:red; font-size: 0.0em">Unseen words.</p>',
        '<p style="opacity:0">Unseen words.</p>',
        "<p hidden>Unseen words.</p>",
    ],
)
def test_what_a_page_certainly_does_not_show_is_not_read(markup: str) -> None:
    text = extract(f"<html><body><p>The first line.</p>{markup}<p>Last.</p></body></html>".encode(), "a.html").text
    assert "Unseen" not in text
    assert text.startswith("The first line.")
    assert text.endswith("Last.")


@pytest.mark.parametrize(
    "markup",
    [
        '<ul style="font-size:0"><li style="font-size:14px">Seen words.</li></ul>',
        '<ul style="font-size:0"><li class="column">Seen words.</li></ul>',
        '<div style="visibility:hidden"><p style="visibility:visible">Seen words.</p></div>',
        '<p style="opacity:0.9; font-size:10px">Seen words.</p>',
        '<p hidden="until-found">Seen words.</p>',
    ],
)
def test_what_a_page_may_show_is_read(markup: str) -> None:
    text = extract(f"<html><body><p>The first line.</p>{markup}</body></html>".encode(), "a.html").text
    assert "Seen words." in text


def test_a_page_that_is_hidden_as_a_whole_is_read_all_the_same() -> None:
    """Some pages are shown by a script only."""
    html = b"<html><body><div style='display:none'><p>Shown later.</p></div></body></html>"
    assert extract(html, "late.html").text == "Shown later."


@pytest.mark.parametrize(
    ("head", "title"),
    [
        ("<title>Pumps - Acme</title>", "Pumps - Acme"),
        ("<title>Pumps | Acme</title><meta property='og:title' content='Pumps'>", "Pumps"),
        ("<title>  </title>", "Pump models"),
        ("<title>Untitled</title>", "Pump models"),
    ],
)
def test_the_title_of_a_page_is_its_own_not_the_sites(head: str, title: str) -> None:
    html = f"<html><head>{head}</head><body><h1>Pump models</h1><p>There are two models.</p></body></html>"
    assert extract(html.encode(), "p.html").title == title


def test_the_charset_of_a_page_is_found_in_its_head_or_in_the_header() -> None:
    body = "<p>ёлка зелёная</p>"
    declared = f"<html><head><meta charset=koi8-r></head>{body}".encode("koi8-r")
    assert extract(declared, "a.html").text == "ёлка зелёная"
    assert extract(body.encode("koi8-r"), "a", "text/html; charset=KOI8-R").text == "ёлка зелёная"


# --- PDF --------------------------------------------------------------------------------------------------------------


def test_a_pdf_becomes_paragraphs_with_their_pages() -> None:
    data = pdf(
        page("The river rises in the hills and flows to the sea, past three\ntowns and a mill.", heading="The river"),
        page("The second page is about fish."),
        title="All about the river",
    )
    extracted = extract(data, "river.pdf")
    assert extracted.title == "All about the river"
    assert outline(extracted) == [(1, "The river")]
    assert blocks(extracted, "paragraph") == [
        "The river rises in the hills and flows to the sea, past three towns and a mill.",
        "The second page is about fish.",
    ]
    assert [extracted.text[offset:][:10] for offset in extracted.pages] == ["The river\n", "The second"]
    assert [block.page for block in extracted.blocks] == [1, 1, 2]


def test_words_cut_at_the_end_of_a_line_are_made_whole() -> None:
    known = "A well-known word is well known. Well, it is known, and well known."
    data = pdf(page(known, "The whole congre-\ngation sang a well-\nknown song together, and then it went home again."))
    text = extract(data, "song.pdf").text
    assert "The whole congregation sang a well-known song" in text


def test_a_sentence_goes_on_across_pages() -> None:
    first = [Line("It began on one page and was not done when the page was", 90)]
    extracted = extract(pdf(first, [Line("over, so it went on.", 720)]), "long.pdf")
    assert blocks(extracted) == ["It began on one page and was not done when the page was over, so it went on."]
    assert extracted.text[extracted.pages[1] :] == "over, so it went on."


def test_headers_footers_and_page_numbers_are_left_out() -> None:
    pages = [
        [Line("Annual report", 770), *page(f"What page {word} says."), Line(f"Page {number} of 4", 20)]
        for number, word in enumerate(("one", "two", "three", "four"), 1)
    ]
    text = extract(pdf(*pages), "report.pdf").text
    assert "Annual report" not in text
    assert "of 4" not in text
    assert "What page three says." in text


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_pdf_with_a_password_says_so(algorithm: str) -> None:
    with pytest.raises(Encrypted, match="protected by a password"):
        extract(documents.encrypted_pdf("secret", "", algorithm), "locked.pdf")


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_pdf_that_only_restricts_printing_is_read(algorithm: str) -> None:
    extracted = extract(documents.encrypted_pdf("", "owner", algorithm), "restricted.pdf")
    assert extracted.text == "Nobody may print this page."


def test_an_empty_page_says_so() -> None:
    with pytest.raises(Empty):
        extract(pdf([]), "blank.pdf")


@pytest.mark.parametrize("end", [20, 200, 500])
def test_a_pdf_that_breaks_off_is_read_as_far_as_possible_or_refused(end: int) -> None:
    whole = pdf(page("Some text."))
    with pytest.raises(NotExtracted):
        extract(whole[:end], "cut.pdf")


# --- Word and CSV -----------------------------------------------------------------------------------------------------


def test_a_word_document_keeps_its_order_and_its_headings() -> None:
    extracted = extract(documents.word(), "bees.docx")
    assert extracted.title == "Handbook of bees"
    assert outline(extracted) == [(1, "Handbook of bees"), (1, "The hive")]
    assert blocks(extracted)[1:] == [
        "Bees live in colonies.",
        "The hive",
        "- Keep it dry.\n- Face it south.",
        "Caste | Life\nQueen | 5 years",
        "Winter comes after the table.",
    ]


def test_rows_of_a_table_can_be_read_on_their_own() -> None:
    extracted = extract(documents.CSV, "people.csv")
    assert extracted.text == "Name: Anna; Städte: Köln; Notiz: liest, viel\nName: Bo; Notiz: kocht"
    assert [block.kind for block in extracted.blocks] == ["table"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"City;Rain\nBergen;much\n"),
        ("a.tsv", b"City\tRain\nBergen\tmuch\n"),
        ("a.csv", b"sep=|\nCity|Rain\nBergen|much\n"),
        ("a.csv", "City;Rain\nBergen;much\n".encode("utf-16")),
    ],
)
def test_columns_are_found_whatever_separates_them(name: str, data: bytes) -> None:
    assert extract(data, name).text == "City: Bergen; Rain: much"


def test_numbers_in_the_first_row_are_not_taken_for_names() -> None:
    assert extract(b"1,2\n3,4\n", "n.csv").text == "1 | 2\n3 | 4"


# --- What a file is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [("page.pdf", documents.HTML), ("page.txt", documents.HTML), ("page", documents.HTML), ("x.docx", documents.HTML)],
)
def test_a_page_is_read_as_a_page_whatever_it_is_called(name: str, data: bytes) -> None:
    assert extract(data, name).title == "Care of orchids"


def test_the_declared_type_helps_where_the_name_does_not() -> None:
    assert outline(extract(b"<h1>A</h1><p>b</p>", "index.php", "text/html")) == [(1, "A")]
    assert extract(b"# A", "README.rst", "text/markdown").title == "A"


def test_a_pdf_is_a_pdf_whatever_it_is_called() -> None:
    assert extract(pdf(page("Inside.")), "report.txt").text == "Inside."


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("talk.pptx", b"PK\x03\x04", "It is damaged: the archive inside cannot be opened."),
        ("photo.txt", b"GIF89a", "Pictures of this kind are not read yet; save it as .png and add it again."),
        ("site.css", b"body { margin: 0 }", "Style sheets are not read yet."),
        ("notes.rst", b"Title\n=====", "Files that end in .rst are not read yet."),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Office files from before 2007 are not read yet"),
        ("fake.pdf", b"I am no PDF.", "It is named like a PDF but is not one"),
        ("nothing.txt", b" \n\t", "There is no text in it."),
        ("data.xyz", bytes(range(256)) * 4, "Files that end in .xyz are not read yet."),
    ],
)
def test_every_file_that_is_not_read_says_why(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(NotExtracted) as caught:
        extract(data, name)
    assert caught.value.message.startswith(reason)


def test_what_is_left_out_on_purpose_is_told_from_what_failed() -> None:
    assert [kind.skips for kind in (Unsupported, NeedsOcr, Empty)] == [True, True, True]
    assert [kind.skips for kind in (Encrypted, Unreadable, TooLarge)] == [False, False, False]


def test_a_name_alone_tells_what_is_not_read() -> None:
    assert unsupported("a/b/Film.MP4").message == "Sound and video files are not read yet."
    assert (
        unsupported("letter.odt").message == "OpenDocument files are not read yet; save it as .docx and add it again."
    )
    assert (
        unsupported("x.tar.zst").message == "Archives of this kind are not read yet; save it as .zip and add it again."
    )


def test_a_media_type_alone_tells_what_is_not_read() -> None:
    check_media_type("text/html")
    check_media_type(None)
    with pytest.raises(Unsupported, match="Pictures of this kind are not read yet"):
        check_media_type("image/webp")
    with pytest.raises(Unsupported, match="as a whole website"):
        check_media_type("application/rss+xml")


def test_a_content_type_is_taken_apart() -> None:
    assert split_media_type('Text/HTML; boundary=x; charset="UTF-8"') == ("text/html", "UTF-8")
    assert split_media_type(None) == (None, None)
