"""Title and headings are embedded with a passage, once and in measure."""

from sitechat.indexes.embedded import embedding_text


def test_what_is_embedded_names_title_and_headings_once() -> None:
    assert embedding_text("Coast", ("Lights", "Wicks:"), "Trim it.") == "Coast. Lights. Wicks. Trim it."
    assert embedding_text("Coast", ("Coast", "Wicks"), "Trim it.") == "Coast. Wicks. Trim it."
    assert embedding_text("", (), "Trim it.") == "Trim it."


def test_long_headings_do_not_crowd_out_the_passage() -> None:
    long = tuple(f"{name} " * 20 for name in ("one", "two", "three"))
    assert len(embedding_text("Title", long, "Trim it.")) < 400
