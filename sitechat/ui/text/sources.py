"""What a knowledge base is fed from, when that is read again, and what changed."""

from sitechat.ui.text.numbers import count, number
from sitechat.wording import shortened

SOURCES = "Sources"
SCHEDULE = "Schedule"
REMOVE = "Remove"
SAVE = "Save"
BEING_READ = "It is being read at the moment."
BY_HAND = "no schedule"
READ_BY_ITSELF = "Read again by itself"
OFTEN = {
    "never": "Never",
    "hourly": "Every hour",
    "daily": "Every day",
    "weekly": "Every week",
    "cron": "Cron expression",
}
WEEKDAY = "Day"
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
AT = "At"
CRON = "Cron expression"
CRON_HELP = "Minute, hour, day of the month, month, day of the week: `30 7 * * 1-5` is 7:30 from Monday to Friday."
KEEP_DOCUMENTS = "Remove, keep its documents"
CHANGES = {
    "added": "New",
    "changed": "Changed",
    "missing": "Gone",
    "removed": "Removed",
    "failed": "Failed",
}


def missing_since(when: str) -> str:
    return f"No longer at its source since {when}"


def missing(documents: int) -> str:
    return f"{number(documents)} no longer there"


def scheduled(often: str, when: str) -> str:
    return f"{often[:1].lower()}{often[1:]}, next at {when}"


def times_of(zone: str) -> str:
    return f"Times are the server's: {zone}."


def remove_source_warning(name: str) -> str:
    return f"“{shortened(name, 80)}” will not be read again."


def remove_documents(documents: int) -> str:
    return f"Remove with its {count(documents, 'document')}"


def and_more(others: int) -> str:
    return f"and {count(others, 'other')}"
