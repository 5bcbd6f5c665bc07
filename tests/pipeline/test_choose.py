"""Which passages of a ranking an answer is made from."""

from dataclasses import replace
from datetime import UTC, datetime

from sitechat.pipeline.choose import choose
from sitechat.pipeline.state import Found, ScoredChunk
from sitechat.storage.values import Chunk

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def hit(score: float, text: str, document: str = "a", ordinal: int = 0) -> ScoredChunk:
    number = int.from_bytes(f"{document}/{ordinal}".encode())
    chunk = Chunk(number, document, "base", ordinal, 0, len(text), text, (), None, "", document, "text/plain", NOW)
    return ScoredChunk(chunk, score)


def texts(hits: tuple[ScoredChunk, ...]) -> list[str]:
    return [each.chunk.text for each in hits]


def test_the_best_are_taken_in_their_order() -> None:
    ranked = [hit(1 - place / 10, f"words of {place}", str(place)) for place in range(6)]
    assert choose(ranked, 4) == tuple(ranked[:4])
    assert choose(ranked, 10) == tuple(ranked)
    assert choose([], 4) == ()


def test_what_says_nearly_the_same_as_a_better_one_is_left_out() -> None:
    """A page in two versions, or an excerpt of another passage: there is room for something else then."""
    long = "the mill by the river was built in the year 1782 by a miller of the village nearby"
    ranked = [
        hit(0.9, long, "a"),
        hit(0.8, long.replace("nearby", "beyond"), "b"),
        hit(0.7, "The mill by the river was built in the year 1782", "c"),
        hit(0.6, "another mill by another river was pulled down in the year 1812", "d"),
    ]
    assert [each.chunk.document_id for each in choose(ranked, 4)] == ["a", "d"]


def test_one_document_has_half_of_the_places_where_others_are_nearly_as_good() -> None:
    ranked = [hit(0.9 - place / 100, f"of the long one {place}", "long", 3 * place) for place in range(6)]
    others = [hit(0.84, "other one", "x"), hit(0.83, "other two", "y"), hit(0.2, "far off", "z")]
    chosen = choose(sorted([*ranked, *others], key=lambda each: -each.score), 4)
    assert texts(chosen) == ["of the long one 0", "of the long one 1", "other one", "other two"]


def test_a_document_that_is_by_far_the_best_keeps_its_places() -> None:
    ranked = [hit(0.9 - place / 100, f"of the long one {place}", "long", 3 * place) for place in range(4)]
    others = [hit(0.5, "far off", "x"), hit(0.4, "farther off", "y")]
    assert choose([*ranked, *others], 4) == tuple(ranked)


def test_passages_that_follow_each_other_stand_together_as_they_are_read() -> None:
    """A model then reads on where a passage ends; they stay passages of their own, to be cited by themselves."""
    ranked = [
        hit(0.9, "second part", "a", 2),
        hit(0.8, "something else", "b", 7),
        hit(0.7, "first part", "a", 1),
        hit(0.6, "far behind", "a", 9),
    ]
    assert texts(choose(ranked, 8)) == ["first part", "second part", "something else", "far behind"]


def test_the_order_is_the_given_one_whatever_the_scores_say() -> None:
    """Of passages that were put into another order after the search."""
    ranked = [hit(0.5, "words of one", "a"), hit(0.9, "words of two", "b"), hit(0.7, "words of three", "c")]
    assert choose(ranked, 3) == tuple(ranked)


def test_what_was_ranked_first_anew_keeps_its_place_though_the_search_found_it_far_off() -> None:
    """One document has more passages than half of the places, all of them nearer by the search's scores."""
    long = [hit(0.9 - place / 100, f"of the long one {place}", "long", 3 * place) for place in range(4)]
    ranked = [hit(0.2, "preferred", "x"), *long]
    anew = [replace(each, found=Found(rerank=1 - place / 10)) for place, each in enumerate(ranked)]
    assert texts(choose(anew, 4)) == ["preferred", "of the long one 0", "of the long one 1", "of the long one 2"]
    assert "preferred" not in texts(choose(ranked, 4))
