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


def _table() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for pair in _PAIRS.replace("\n", " ").split(","):
        one, other = (stem(word) for word in pair.split())
        table.setdefault(one, set()).add(other)
        table.setdefault(other, set()).add(one)
    return {word: frozenset(opposites) for word, opposites in table.items()}


OPPOSITES = _table()
