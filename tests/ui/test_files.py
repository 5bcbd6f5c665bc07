"""The list of a job's files as a spreadsheet gets it."""

import csv
import io

from sitechat.ui.files import _csv


def test_names_are_text_in_a_spreadsheet_and_keep_their_letters() -> None:
    rows: list[dict[str, str | int]] = [
        {"Name": "=HYPERLINK(1)", "Reason": "Größe, “zu groß”", "Passages": 3},
        {"Name": "plain\nname", "Reason": "-1", "Passages": 0},
    ]
    read = list(csv.DictReader(io.StringIO(_csv(rows).decode("utf-8-sig"), newline="")))
    assert read == [
        {"Name": "'=HYPERLINK(1)", "Reason": "Größe, “zu groß”", "Passages": "3"},
        {"Name": "plain\nname", "Reason": "'-1", "Passages": "0"},
    ]
    assert _csv([]).decode("utf-8-sig").strip() == ""
