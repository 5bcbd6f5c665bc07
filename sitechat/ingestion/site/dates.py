"""When a page was last changed, as sitemaps, feeds and headers write it."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST = 60
_MONTH_OR_YEAR = re.compile(r"^(\d{4})(?:-(\d\d))?$")


def parse_date(text: str) -> datetime | None:
    """A date of ISO 8601, down to a year alone, or of e-mail and HTTP; with its time zone, or else in UTC.

    None for what is neither, which is what many sites write.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    month_or_year = _MONTH_OR_YEAR.match(text)
    if month_or_year is not None:
        text = f"{month_or_year[1]}-{month_or_year[2] or '01'}-01"
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = parse(text)
            return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
