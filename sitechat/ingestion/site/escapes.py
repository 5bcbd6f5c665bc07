"""One spelling for what percent-escapes let be spelled in several ways."""

import re
from urllib.parse import quote

_KEPT = "/:?&=%+,;@!'()[]~|"
_PIECE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normal_escapes(text: str) -> str:
    """Escapes in upper case, unreserved characters without one, and a ``%`` that escapes nothing as ``%25``.

    The last keeps a second pass from finding escapes that the first one put together: ``%4%31`` would become ``%41``
    and then ``A``.
    """
    return _PIECE.sub(_spelled, text) if "%" in text else text


def escaped(text: str, *, kept: str = "") -> str:
    """``text`` with normal escapes, and with new ones for all that an address does not hold as it is.

    ``*`` and ``$`` may stand in addresses but mean something in patterns: they are escaped unless they are ``kept``.
    """
    return normal_escapes(quote(text, safe=_KEPT + kept, errors="surrogateescape"))


def _spelled(match: re.Match[str]) -> str:
    digits = match[1]
    if digits is None:
        return "%25"
    character = chr(int(digits, 16))
    return character if character in _UNRESERVED else f"%{digits.upper()}"
