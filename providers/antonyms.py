"""Words that turn a statement round. A question that asks for one is not answered by a sentence about the other."""

from providers.words import stem

_PAIRS = """
above below, accept refuse, accept reject, active passive, add remove, advantage disadvantage, after before,
agree disagree, allow deny, allow forbid, allow prevent, allow prohibit, ally enemy, always never, ancient
modern, appear disappear, approve reject, arrive depart, arrive leave, artificial natural, ascend descend,
attack defend, bad good, begin end, beginning end, beneficial harmful, benefit harm, best worst, better worse,
birth death, born died, bottom top, bright dark, build destroy, buy sell, cause prevent, cheap expensive,
clockwise counterclockwise, close open, cold hot, common rare, complex simple, connect disconnect, contract
expand, create destroy, dangerous safe, day night, decline growth, decline rise, decrease increase, decreased
increased, deep shallow, defeat victory, different same, disable enable, discourage encourage, discover hide,
divide multiply, divide unite, dry wet, earlier later, earliest latest, early late, east west, eastern western,
easy hard, emigrate immigrate, employed unemployed, empty full, enter leave, equal unequal, even odd, exclude
include, export import, external internal, fail succeed, failure success, fall rise, false true, far near,
farthest nearest, fast slow, faster slower, fastest slowest, female male, few many, fewer more, fewest most,
final first, final initial, find lose, finish start, fire hire, first last, forget remember, future past, gain
lose, gain loss, gas solid, greatest least, grow shrink, happy sad, hard soft, heavy light, high low, higher
lower, highest lowest, illegal legal, illiterate literate, inferior superior, inner outer, input output, inside
outside, install uninstall, invisible visible, irregular regular, join leave, known unknown, large small, larger
smaller, largest smallest, least most, left right, legalize outlaw, length width, less more, long short, longer
shorter, longest shortest, lose win, loser winner, lower raise, lower upper, lowest peak, major minor, majority
minority, maximum minimum, minimum peak, narrow wide, negative positive, new old, newer older, newest oldest,
north south, northeast southwest, northern southern, northwest southeast, old young, oldest youngest, oppose
support, optional required, over under, peace war, permanent temporary, poor rich, poorest richest, poorest
wealthiest, predator prey, private public, pull push, read write, rural urban, short tall, shortest tallest,
stable unstable, strong weak, stronger weaker, strongest weakest, summer winter, sunrise sunset, thick thin,
thickest thinnest, useful useless
"""


def _words() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for pair in _PAIRS.replace("\n", " ").split(","):
        one, other = pair.split()
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: tuple(sorted(others)) for word, others in found.items()}


_OPPOSITE_WORDS = _words()


def _table() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for word, others in _OPPOSITE_WORDS.items():
        table.setdefault(stem(word), set()).update(map(stem, others))
    return {word: frozenset(others) for word, others in table.items()}


OPPOSITES = _table()
"""By stem."""


def opposites(word: str) -> tuple[str, ...]:
    """The words that turn ``word``, as it is written in a dictionary, round."""
    return _OPPOSITE_WORDS.get(word.lower(), ())
