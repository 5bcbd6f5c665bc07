"""Bytes to text: never mojibake, rather no text at all."""

import codecs
import re
from typing import NoReturn

from charset_normalizer import from_bytes

from sitechat.ingestion.formats.base import Unreadable

NOT_TEXT = "Its content is not text, or is in an encoding that could not be recognised."

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 20
# One odd byte in so many still counts as UTF-8: a page put together from parts of several encodings.
_STRAY_BYTES = 0.001
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.01
_SYMBOL_IN_WORD = re.compile(r"[^\W\d_][¡-©«-´¶-¹»-¿×÷][^\W\d_]")
_CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "koi8_r", "koi8_u"),
    *("cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "cp949", "cp874", "iso8859_2", "iso8859_5", "iso8859_7"),
    *("iso8859_15", "mac_roman", "cp437", "cp850", "cp866"),
)
# Would have shown by a mark or zeros, or bytes of almost any kind "decode" so, or no encoding of text at all.
_NEVER_DECLARED = (
    *("utf-16", "utf-32", "utf-7", "utf_16", "utf_32", "utf_7", "unicode", "raw-unicode", "undefined", "mbcs", "oem"),
    *("base64", "bz2", "hex", "quopri", "rot13", "uu", "zlib", "punycode", "idna"),
)
# What browsers read under these names, by the encoding standard.
_AS_BROWSERS_READ = {
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "tis-620": "cp874",
}


def decode(data: bytes, declared: str | None = None) -> str:
    """``data`` as text: by its byte order mark, as UTF-8, as ``declared``, or as detected, in this order.

    UTF-8 goes before what was declared because text of another encoding is hardly ever valid UTF-8, while
    declarations are often wrong. Raises :class:`Unreadable` for what is not text.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _decode_strictly(data, encoding) or _reject()
    text = _without_bom(data, declared)
    sample = text[:_SAMPLE]
    if len(_CONTROLS.findall(sample)) > max(2, _MOST_CONTROLS * len(sample)):
        _reject()
    return text


def _without_bom(data: bytes, declared: str | None) -> str:
    unusual = _unusual_encoding(data)
    for encoding in (unusual, None if unusual else "utf-8", _python_name(declared)):
        text = _decode_strictly(data, encoding) if encoding else None
        if text is not None:
            return text
    repaired = _decode_with_stray_bytes(data)
    if repaired is not None:
        return repaired
    return _detect(data)


def _unusual_encoding(data: bytes) -> str | None:
    """What is not seen by its letters: UTF-16 without a mark shows by zeros in between, ISO-2022-JP by its escapes."""
    head = data[:4096]
    if b"\x1b$B" in head or b"\x1b$@" in head:
        return "iso2022_jp"
    if len(head) < 4 or b"\0" not in head:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.4 * len(head) / 2 and even < 0.05 * len(head):
        return "utf-16-le"
    if even > 0.4 * len(head) / 2 and odd < 0.05 * len(head):
        return "utf-16-be"
    return None


def _decode_strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _python_name(declared: str | None) -> str | None:
    if not declared:
        return None
    try:
        name = codecs.lookup(declared.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return None
    if name.startswith(_NEVER_DECLARED):
        return None
    return _AS_BROWSERS_READ.get(name, name)


def _decode_with_stray_bytes(data: bytes) -> str | None:
    text = data.decode("utf-8", "replace")
    strays = text.count("�")
    multibyte = sum(1 for character in text[:_SAMPLE] if character > "\x7f") - strays
    if strays > max(1, _STRAY_BYTES * len(text)) or multibyte < 4 * strays:
        return None
    return data.decode("utf-8", "sitechat_stray_byte")


def _stray_byte(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.end]
    return stray.decode("cp1252", "ignore"), error.end


codecs.register_error("sitechat_stray_byte", _stray_byte)


def _detect(data: bytes) -> str:
    if b"\0" in data[:4096]:
        _reject()
    western = _decode_strictly(data, "cp1252")
    if western is not None and _few_and_plausible(western):
        return western
    best = from_bytes(data[:_SAMPLE], cp_isolation=list(_CANDIDATES)).best()
    if best is None:
        _reject()
    return data.decode(_AS_BROWSERS_READ.get(best.encoding, best.encoding), "ignore")


def _few_and_plausible(text: str) -> bool:
    """Whether the few letters beyond ASCII are no ground for statistics, yet make sense as Western European."""
    beyond = [character for character in text if character > "\x7f"]
    return len(beyond) < 10 and len(beyond) < 0.1 * len(text) and not _SYMBOL_IN_WORD.search(text)


def _reject() -> NoReturn:
    raise Unreadable(NOT_TEXT)
