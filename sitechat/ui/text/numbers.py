"""Numbers, sizes and times as people read them."""

from datetime import datetime, timedelta

TODAY = "Today"
YESTERDAY = "Yesterday"
THIS_WEEK = "Previous 7 days"
THIS_MONTH = "Previous 30 days"


def number(value: int) -> str:
    """With separators: ``12,345``."""
    return f"{value:,}"


def count(value: int, noun: str) -> str:
    return f"{number(value)} {noun}" if value == 1 else f"{number(value)} {noun}s"


def spent(seconds: float) -> str:
    """``80 ms``, ``2.1 s``, ``34 s``, ``3 min 20 s``."""
    if seconds < 0.0995:
        return f"{round(seconds * 1000)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{round(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def size(value: int) -> str:
    """``812 B``, ``14 kB``, ``3.2 MB``."""
    if value < 1000:
        return f"{value} B"
    if value < 1_000_000:
        return f"{round(value / 1000)} kB"
    return f"{value / 1_000_000:.1f} MB"


def ago(when: datetime, now: datetime) -> str:
    """``just now``, ``4 minutes ago``, ``3 days ago``, ``on 3 May 2024``."""
    passed = now - when
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{count(int(passed.total_seconds() // 60), 'minute')} ago"
    if passed < timedelta(days=1):
        return f"{count(int(passed.total_seconds() // 3600), 'hour')} ago"
    if passed < timedelta(days=30):
        return f"{count(passed.days, 'day')} ago"
    return f"on {day(when)}"


def day(when: datetime) -> str:
    return f"{when.day} {when:%B %Y}"


def moment(when: datetime) -> str:
    return f"{when.day} {when:%B %Y, %H:%M}"


def heading_of_day(when: datetime, now: datetime) -> str:
    """The heading under which a conversation of ``when`` is listed; both in the reader's time zone."""
    days = (now.date() - when.date()).days
    if days <= 0:
        return TODAY
    if days == 1:
        return YESTERDAY
    if days <= 7:
        return THIS_WEEK
    return THIS_MONTH if days <= 30 else f"{when:%B %Y}"
