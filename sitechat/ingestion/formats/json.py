"""JSON, and files with a JSON value on each line: values with the keys that lead to them, in their order.

An object in a list is a line of its own, like a row of a table, unless it is long; then every value has its line.
"""

import json
from collections.abc import Iterator
from typing import Any

from sitechat.ingestion.formats.base import Empty, Extracted, Unreadable
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter

_TOO_DEEP = "Its lists and objects are nested too deeply to be read."
_LONGEST_RECORD = 1000
_MOST_STEPS = 200
_DEEPEST_RECORD = 6
_LONGEST_LINE = 300
_LONGEST_WORD = 80
_LONGEST_KEY = 100
_LONGEST_PATH = 200
# Numbers stay as they are written, however long; a line may end within a text.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)


class JsonExtractor:
    media_types = frozenset(
        {
            *("application/json", "text/json", "application/geo+json", "application/ld+json"),
            *("application/jsonl", "application/x-jsonlines", "application/x-ndjson"),
        }
    )
    suffixes = frozenset({".json", ".jsonl", ".ndjson", ".geojson"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:
        text = decode(data, charset)
        if not text.strip():
            raise Empty
        writer = TextWriter()
        try:
            _write(writer, _parse(text))
        except RecursionError:
            raise Unreadable(_TOO_DEEP) from None
        return writer.extracted(title_from_name(name))


def _parse(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        if error.msg.startswith("Extra data") and "\n" not in text[: error.pos].strip():
            return list(_parse_lines(text))
        raise _invalid(error.lineno, error.colno) from None


def _parse_lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield _DECODER.decode(line)
            except json.JSONDecodeError as error:
                raise _invalid(number, error.colno) from None


def _invalid(line: int, column: int) -> Unreadable:
    return Unreadable(f"It is not valid JSON: correct line {line}, column {column}, and add it again.")


def _write(writer: TextWriter, value: Any) -> None:
    pending = [iter([("", value)])]
    while pending:
        path, value = next(pending[-1], (None, None))
        if path is None:
            pending.pop()
        elif _holds_more(value):
            record = _record(value) if path.endswith("]") and len(pending) <= _DEEPEST_RECORD else ""
            if record:
                writer.record(_labelled(path, record))
            else:
                pending.append(_members(path, value))
        else:
            _write_leaf(writer, path, value)


def _write_leaf(writer: TextWriter, path: str, value: Any) -> None:
    text = _shown(value)
    if not text.strip():
        return
    if len(text) > _LONGEST_LINE or "\n" in text.strip():
        writer.paragraph(_labelled(path, text))
    else:
        writer.record(_labelled(path, text))


def _record(value: Any) -> str:
    """An item of a list as one line; empty if that would be too long."""
    parts, length, steps = [], 0, 0
    pending = [_members("", value)]
    while pending:
        path, value = next(pending[-1], (None, None))
        steps += 1
        if path is None:
            pending.pop()
        elif _holds_more(value):
            pending.append(_members(path, value))
        elif text := _shown(value).strip():
            parts.append(_labelled(path, text))
            length += len(parts[-1])
        if length > _LONGEST_RECORD or steps > _MOST_STEPS or len(pending) > _DEEPEST_RECORD:
            return ""
    return "; ".join(parts)


def _holds_more(value: Any) -> bool:
    """Whether ``value`` is more than one piece of text; a list of words or numbers is one."""
    if isinstance(value, list):
        return any(isinstance(item, list | dict) or len(_shown(item)) > _LONGEST_WORD for item in value)
    return isinstance(value, dict)


def _members(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield _joined(path, key), member
    else:
        for index, member in enumerate(value):
            yield _shortened(f"{path}[{index}]"), member


def _joined(path: str, key: str) -> str:
    key = key[:_LONGEST_KEY]
    return _shortened(f"{path}.{key}") if path else key


def _shortened(path: str) -> str:
    return path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"


def _labelled(path: str, text: str) -> str:
    """``text`` after the keys that lead to it. A number alone, of an item of the whole list, says nothing."""
    counted = path.endswith("]") and path.rfind("[") == 0
    return f"{path}: {text}" if path and not counted else text


def _shown(value: Any) -> str:
    """A value that holds no more as text; empty for ``null``."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_shown, value)))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""
