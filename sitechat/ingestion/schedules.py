"""When a source is read again: cron expressions in the server's local time.

Of a time that the clocks skip when they go forward the next minute that exists is taken, and one that they repeat is
taken once, as Debian's cron does.
"""

from datetime import UTC, datetime, tzinfo

from cronsim import CronSim, CronSimError
from tzlocal import get_localzone

from sitechat.errors import InvalidInput

EXAMPLE = "0 6 * * *"
_FIELDS = 5
_LONGEST = 200


def checked(expression: str) -> str:
    """The expression with single spaces. Raises ``InvalidInput`` that says how one is written."""
    fields = expression.split()
    try:
        if len(fields) != _FIELDS or len(expression) > _LONGEST:
            raise CronSimError(f"there are {len(fields)} parts instead of five")
        next(CronSim(" ".join(fields), datetime.now(UTC)))
    except (CronSimError, StopIteration) as error:
        problem = str(error).replace("Bad ", "the part for the ").replace("-of-", " of the ") or "it never comes"
        wrong = f"{problem} is not valid" if problem.startswith("the part") else problem
        raise InvalidInput(
            f"“{expression.strip()[:60]}” is no schedule: {wrong}. Write minute, hour, day of the month, month and day "
            f"of the week, for example {EXAMPLE} for every day at 6:00, or 30 7 * * 1 for Mondays at 7:30."
        ) from None
    return " ".join(fields)


def next_time(expression: str, after: datetime, zone: tzinfo | None = None) -> datetime:
    """The first time after ``after``, in UTC; ``zone`` is where the expression is meant, the server's by default."""
    return next(CronSim(expression, after.astimezone(zone or get_localzone()))).astimezone(UTC)


def described(expression: str) -> str:
    """In words: ``At 06:00 every day``."""
    return CronSim(expression, datetime.now(UTC)).explain()


def zone_name() -> str:
    """The time zone in which schedules are meant."""
    return str(get_localzone())
