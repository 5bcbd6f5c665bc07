"""The end of a growing Markdown text that cannot be read yet, and is therefore not shown yet.

``**bo`` would first appear with its asterisks and then lose them; ``| a |`` would first be a paragraph and then a
table. Holding such an end back for a moment makes text appear once, as it will stay. What stays open for too long is
shown as it is.
"""

import re

HELD_EMPHASIS = 80
"""Characters for which an open emphasis is held back."""
HELD_SPAN = 400
"""Characters for which open code, an open link or a growing address is held back."""

_FENCE = re.compile(r"^[ \t>]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_MARKERS = re.compile(r"(?:[-+*>#=~`:_ \t]|\d{1,9}[.)]?)*\Z")
_RULE = re.compile(r"[|:\- \t]*\Z")
_GROWING = re.compile(r"(?:&#?\w{0,30}|(?:https?:|www\.)\S*|\bh(?:t(?:tp?s?)?)?|\bww?w?)\Z", re.IGNORECASE)
_LINK = re.compile(r"\[[^\[\]]*\](?:\([^()\s]*(?:\s[^()]*)?\)|(?!\()(?!\Z))")
_BACKTICKS = re.compile("`+")
_TRAILING = " \t\\!"


def showable(source: str) -> str:
    """``source`` without an unreadable end: a marker, a table row, open emphasis, code, link or address."""
    start = source.rfind("\n") + 1
    line = source[start:]
    if in_fence(source):
        return source[:start] if line and not line.strip("`~ \t>") else source
    if is_row(line) or _MARKERS.match(line):
        return source[: _lone_header(source, start, line)]
    held = _open_from(line)
    return source[: len(source) if held is None else start + held].rstrip(_TRAILING)


def in_fence(source: str) -> bool:
    """Whether the end of ``source`` stands inside a fenced code block."""
    fence = ""
    for match in _FENCE.finditer(source):
        if not fence:
            fence = match[1]
        elif match[1].startswith(fence) and not match[2].strip():
            fence = ""
    return bool(fence)


def is_row(line: str) -> bool:
    return line.lstrip(" >").startswith("|")


def _lone_header(source: str, start: int, line: str) -> int:
    """Where to cut before a table row; the head of a table waits until the rule below it is complete."""
    above = source.rfind("\n", 0, max(0, start - 1)) + 1
    before = source.rfind("\n", 0, max(0, above - 1)) + 1
    head = is_row(source[above:start]) and not (above and is_row(source[before:above]))
    return above if head and _RULE.match(line) else start


def _open_from(line: str) -> int | None:
    """Where in ``line`` something begins that is not closed yet, if that is not too long ago."""
    begin = max(0, len(line) - HELD_SPAN)
    opened, closed = _scan(line, begin)
    growing = _GROWING.search(line, max(begin, closed))
    return min((start for start in (opened, growing.start() if growing else None) if start is not None), default=None)


def _scan(line: str, position: int) -> tuple[int | None, int]:
    """From ``position`` on: where something is still open, and where the last closed link or code ends."""
    emphasis: list[tuple[str, int]] = []
    closed = 0
    while position < len(line):
        if line[position] in "*_~":
            position = _emphasis(line, position, emphasis)
            continue
        end = _after(line, position)
        if end is None:
            return position, closed
        closed = end if end - position > 2 else closed
        position = end
    return min((start for _, start in emphasis if len(line) - start <= HELD_EMPHASIS), default=None), closed


def _after(line: str, position: int) -> int | None:
    """The position after what begins at ``position``; None while its end has not come."""
    match line[position]:
        case "\\":
            return position + 2
        case "`":
            run = _BACKTICKS.match(line, position)
            ticks = run[0] if run else "`"
            closing = re.compile(rf"(?<!`){ticks}(?!`)").search(line, position + len(ticks))
            return closing.end() if closing else None
        case "[":
            link = _LINK.match(line, position)
            return link.end() if link else None
        case _:
            return position + 1


def _emphasis(line: str, position: int, opened: list[tuple[str, int]]) -> int:
    """Close what this run of markers closes, or note that it opens something; the position after it."""
    marker = line[position]
    end = position
    while end < len(line) and line[end] == marker:
        end += 1
    before, after = line[:position][-1:], line[end : end + 1]
    if opened and opened[-1][0] == marker and before.strip():
        opened.pop()
    elif (not after or after.strip()) and not (marker == "_" and before.isalnum()):
        opened.append((marker, position))
    return end
