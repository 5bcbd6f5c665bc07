"""The headers of a login as they are given on the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path

from sitechat.errors import InvalidInput
from sitechat.ingestion.login import parse_headers
from sitechat.ingestion.urls import parse_url

_LARGEST_FILE = 200_000


def header_lines(given: Sequence[str], file: Path | None, addresses: Sequence[str]) -> list[str]:
    """All lines, checked. Raises ``InvalidInput`` also where they would go to more than one site."""
    lines = [*given, *(_lines_of(file) if file is not None else ())]
    if parse_headers(lines) and len({parse_url(address).origin for address in addresses}) != 1:
        raise InvalidInput("A login is sent to one site: give it together with addresses of that site only.")
    return lines


def _lines_of(file: Path) -> list[str]:
    try:
        stream = sys.stdin if str(file) == "-" else file.open(encoding="ascii")
        with stream:
            return stream.read(_LARGEST_FILE).splitlines()
    except FileNotFoundError:
        raise InvalidInput(f"There is no file {file}.") from None
    except OSError as error:
        raise InvalidInput(f"The file {file} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"The file {file} holds other characters than plain ASCII.") from None
