"""Which sentences of an answer are checked, and that checking changes marks and nothing else."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sitechat.pipeline.amend import amended, moved, renumbered
from sitechat.pipeline.claims import claims
from sitechat.pipeline.marks import mark_spans

ANSWER = """# Plums

Plums keep for **a week** in a cellar [1]. They are dark.[2] [3] What else? Store them:

- in a box [4]
- at 12 degrees, see [the guide](https://a.test/x).

| Fruit | Days |
|---|---|
| Plum | 7 [5] |

```py
x = a[1]. Foo bar baz is here.
```
Let me know if you need more!"""


def test_sentences_are_found_where_they_stand_with_their_marks() -> None:
    found = [(claim.text, claim.numbers) for claim in claims(ANSWER)]
    assert found == [
        ("Plums keep for a week in a cellar.", (1,)),
        ("They are dark.", (2, 3)),
        ("in a box", (4,)),
        ("at 12 degrees, see the guide.", ()),
        ("Plum, 7", (5,)),
    ]
    for claim in claims(ANSWER):
        assert ANSWER[claim.start : claim.end].strip("|- ")[:4] == claim.text[:4]


def test_what_cannot_be_understood_alone_is_heard_with_what_stands_before_it() -> None:
    heard = [claim.heard for claim in claims(ANSWER)]
    assert heard[1] == "Plums keep for a week in a cellar. They are dark."
    assert heard[2] == "Store them: in a box"


def test_a_mark_stays_in_its_place_and_a_new_one_takes_that_of_the_first() -> None:
    first, second, *_ = claims(ANSWER)
    assert amended(ANSWER, renumbered(ANSWER, first, (7,))).count("cellar [7].") == 1
    assert "dark. [3] What" in amended(ANSWER, renumbered(ANSWER, second, (3,)))
    assert "dark. What" in amended(ANSWER, renumbered(ANSWER, second, ()))


def test_an_item_that_begins_with_a_mark_stays_an_item_without_it() -> None:
    content = "Store them:\n\n- [5] in a cool box of wood"
    claim = claims(content)[-1]
    assert amended(content, renumbered(content, claim, ())).startswith("Store them:\n\n- ")


def test_words_that_a_mark_parts_stay_apart_without_it() -> None:
    content = "Plums keep a week [5]in a cool box."
    assert amended(content, renumbered(content, claims(content)[0], ())) == "Plums keep a week in a cool box."


PIECES = (
    *("Plums keep a week", ". ", " [1]", "[2]", "\n\n", "\n- ", "\n1. ", "`a[1]`", "**", "_", "| ", " |\n", "Dr. "),
    *("42", "? ", "\n```\n", "[3](x)", " [4] ", "。", "é", "[5, 6]", "# ", ": ", "  "),
)
pieces = st.sampled_from(PIECES)


@given(st.lists(pieces, max_size=30).map("".join), st.data())
def test_no_word_is_ever_lost_or_changed(content: str, data: st.DataObject) -> None:
    found = claims(content)
    edits = []
    for claim in found:
        kept = [number for number in claim.numbers if data.draw(st.booleans())]
        edits += renumbered(content, claim, [*kept, *data.draw(st.lists(st.just(9), max_size=1))])
    changed = amended(content, edits)
    assert _words(changed) == _words(content)
    for claim in found:
        before, after = content[claim.start : claim.end], changed[moved(claim.start, edits) : moved(claim.end, edits)]
        assert _words(before) == _words(after)


@given(st.lists(pieces, max_size=30).map("".join))
def test_sentences_do_not_overlap_and_each_mark_belongs_to_one_at_most(content: str) -> None:
    found = claims(content)
    assert all(one.end <= other.start for one, other in pairwise(found))
    marks = [mark for claim in found for mark in claim.marks]
    assert len(marks) == len({mark.start for mark in marks})
    assert {mark.start for mark in marks} <= {mark.start for mark in mark_spans(content)}


def _words(content: str) -> str:
    for mark in reversed(mark_spans(content)):
        content = content[: mark.start] + content[mark.end :]
    return re.sub(r"[ \t]+", "", content)
