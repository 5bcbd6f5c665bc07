"""The knowledge page: knowledge bases, documents, and what becomes of files."""

from sitechat.progress import ProgressRecord
from sitechat.ui.text.numbers import count, number

# Knowledge

KNOWLEDGE_INTRO = "What SiteChat answers from. Each knowledge base is searched on its own."
CREATE = "New knowledge base"
CREATE_BUTTON = "Create"
NAME = "Name"
STATE = "State"
REASON = "Reason"
PASSAGES = "Passages"
BASE_MENU = "Rename or delete"
FIND_DOCUMENT = "Find a document"
NAME_EXAMPLE = "Handbook"
DESCRIPTION = "Description (optional)"
RENAME = "Rename"
DELETE_FOR_GOOD = "Delete for good"
OPEN = "Open"
ALL_BASES = "All knowledge bases"
ADD_DOCUMENTS = "Add documents"
FILES = "Files"
FILES_HELP = (
    "Text, Markdown, HTML, PDF, Word, PowerPoint, Excel, CSV, JSON, e-mails, EPUB books and scans are read, also "
    "from zip archives; anything else is listed as skipped, with why."
)
ADDRESS = "Address of a page, a website or an S3 bucket"
ADDRESS_EXAMPLE = "https://example.org/handbook"
ADD_PAGE = "Add"
HOW_FAR = "How much of it"
ONE_PAGE = "This page"
WHOLE_SITE = "The whole website"
SITE_LIMITS = "Limits for a website"
MAX_PAGES = "Pages at most"
MAX_DEPTH = "Links from the first page at most"
MAX_MINUTES = "Minutes at most"
INCLUDE = "Only paths like"
EXCLUDE = "Leave out paths like"
PATTERN_EXAMPLE = "/docs/*, /help/*"
LOGIN = "This site needs a login"
LOGIN_HEADERS = "Headers, one a line"
LOGIN_EXAMPLE = "Cookie: session=…"
LOGIN_HELP = (
    "Paste the header that your browser sends once you are logged in, such as Cookie or Authorization. It is stored "
    "encrypted, sent to this site only, and not shown again. Everyone who can read this knowledge base can read what "
    "is found with it."
)
PATTERN_HELP = "`*` stands for anything. Separate several with commas."
READ_AGAIN = "Read again"
WHY = "Why"
DOCUMENTS = "Documents"
NO_DOCUMENTS = "Nothing here yet. Drop files above, or paste the address of a page."
NO_BASES = "Nothing here yet. Create a knowledge base, then add files or pages to it."
ACTIVITY = "Activity"
PAUSE = "Pause"
RESUME = "Resume"
CANCEL_JOB = "Cancel"
RETRY_FAILED = "Retry all failed"
RETRY_ONE = "Retry"
HISTORY = "History"
WHEN = "When"
WHAT = "What"
RESULT = "Result"
TOOK = "Took"
INDEXED = "Indexed"
SKIPPED = "Skipped"
FAILED = "Failed"
SPEED = "Speed"
SPEED_HELP = "Passages a second over the time of the work."
LEAVE_OUT = "Leave out"
LEAVE_OUT_WHICH = "A file that is not done yet"
DETAILS = "Files and pages"
SAVE_AS_CSV = "Save as CSV"
CSV_NAME = "files-and-pages.csv"
STARTED = "Added. You can watch it below, or leave: it goes on without you."

HEALTH = {
    "ready": "Ready",
    "working": "Working",
    "queued": "Queued",
    "stalled": "Stalled",
    "paused": "Paused",
    "attention": "Needs attention",
    "empty": "Empty",
}
ITEM_STATES = {
    "pending": "Waiting",
    "in_progress": "Working",
    "completed": "Ready",
    "skipped": "Skipped",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
STAGES = {
    "file_processing": "Reading files",
    "text_extraction": "Extracting text",
    "embedding": "Preparing for search",
    "vector_storage": "Indexing",
    "complete": "Done",
    "failed": "Failed",
}
JOB_STATES = {
    "pending": "Queued",
    "in_progress": "Working",
    "paused": "Paused",
    "completed": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
FLAGS = {
    "invisible": "It contains characters that nobody sees but a language model reads",
    "hidden": "It contains text that its page hides from people",
    "scans": "It has pages that are pictures of text, which need OCR and were not read",
    "instruction": "It contains a passage that reads like an instruction to a language model",
}
UNCHANGED = "Unchanged"
FINDING_PAGES = "still finding pages"
LOOKED_THROUGH = "Looked through"
CAUSES = {
    "duplicate": "Same as another",
    "robots": "Disallowed by robots.txt",
    "noindex": "Asks not to be kept",
    "out_of_scope": "Out of scope",
    "budget": "Beyond the limit",
    "trap": "Endless pages",
    "not_found": "Not found",
    "too_large": "Too large",
    "timed_out": "Timed out",
    "unsupported": "Not a format that is read",
    "empty": "No text",
    "needs_ocr": "Needs OCR",
    "encrypted": "Protected by a password",
    "unreadable": "Unreadable",
    "refused": "Address refused",
    "login": "Needs a login",
    "superseded": "Newer version added",
    "missing": "No longer there",
    "failed": "Failed",
}
DOING = {
    "queued": "Queued",
    "working": "Working",
    "waiting": "Waiting",
    "stalled": "Stalled",
    "paused": "Paused",
}
LANGUAGES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese",
    "nl": "Dutch", "sv": "Swedish", "da": "Danish", "no": "Norwegian", "fi": "Finnish", "is": "Icelandic",
    "pl": "Polish", "cs": "Czech", "sk": "Slovak", "sl": "Slovenian", "hr": "Croatian", "sr": "Serbian",
    "bs": "Bosnian", "hu": "Hungarian", "ro": "Romanian", "bg": "Bulgarian", "mk": "Macedonian", "sq": "Albanian",
    "el": "Greek", "tr": "Turkish", "ru": "Russian", "uk": "Ukrainian", "be": "Belarusian", "lt": "Lithuanian",
    "lv": "Latvian", "et": "Estonian", "ga": "Irish", "cy": "Welsh", "ca": "Catalan", "eu": "Basque",
    "ar": "Arabic", "fa": "Persian", "he": "Hebrew", "ur": "Urdu", "hi": "Hindi", "bn": "Bengali", "ta": "Tamil",
    "te": "Telugu", "th": "Thai", "vi": "Vietnamese", "id": "Indonesian", "ms": "Malay", "ja": "Japanese",
    "zh": "Chinese", "ko": "Korean", "ka": "Georgian", "hy": "Armenian", "az": "Azerbaijani", "kk": "Kazakh",
}  # fmt: skip
STALLED = "Stalled: nothing has moved for a while"


def flagged(kind: str, excerpt: str) -> str:
    return f"{FLAGS.get(kind, FLAGS['hidden'])}: “{excerpt}”."


def delete_base_warning(name: str, documents: int) -> str:
    return f"“{name}” and its {count(documents, 'document')} will be deleted. This cannot be undone."


def delete_document_warning(title: str) -> str:
    return f"“{title}” will no longer be searched. Its file here is deleted, not where it came from."


def add_files(files: int) -> str:
    return f"Add {count(files, 'file')}"


def updated(when: str) -> str:
    return f"updated {when}"


def stalled_on(what: str) -> str:
    return f"Stalled: waiting for {what}"


def queued_behind(jobs: int) -> str:
    return f"Queued behind {count(jobs, 'other')}"


def waiting_for(what: str) -> str:
    return f"Waiting for {what}"


def file_of(index: int, total: int, name: str) -> str:
    return f"{number(index)} of {number(total)}: {name}"


def rate(per_second: float) -> str:
    return (
        f"{per_second:.1f} passages a second" if per_second < 10 else f"{number(round(per_second))} passages a second"
    )


def percent(value: float) -> str:
    """``38 %``; a hundred only when all is done."""
    return f"{min(value, 99) if value < 100 else 100:.0f} %"


def files_of(done: int, total: int, kind: str) -> str:
    return f"{number(done)} of {count(total, 'page' if kind == 'site' else 'file')}"


def batch_of(index: int, total: int) -> str:
    return f"batch {number(index)} of {number(total)}"


def passages_of(done: int, total: int) -> str:
    return f"{number(done)} of {count(total, 'passage')}"


def time_left(seconds: float, low: float | None = None, high: float | None = None) -> str:
    """``about 4 min left``, with the range where it says more: ``about 4 min left (3 to 6)``."""
    if seconds < 8:
        return "a few seconds left"
    amount, unit = _rounded(seconds)
    about = f"about {amount} {unit} left"
    if low is None or high is None:
        return about
    (least, unit_low), (most, unit_high) = _rounded(low), _rounded(high)
    if (least, unit_low) == (most, unit_high):
        return about
    return f"{about} ({least}{'' if unit_low == unit_high else f' {unit_low}'} to {most} {unit_high})"


def _rounded(seconds: float) -> tuple[str, str]:
    """Coarsely, so that it does not flicker."""
    if seconds < 55:
        return str(max(5, round(seconds / 5) * 5)), "s"
    if seconds < 3600:
        return str(max(1, round(seconds / 60))), "min"
    return f"{seconds / 3600:.1f}", "h"


def more_below(items: int) -> str:
    return f"and {number(items)} more, in the table below"


def what_was_read(kind: str, name: str, items: int) -> str:
    """``report.pdf``, ``report.pdf and 29 more``, ``https://example.org/ (website)``."""
    if kind == "site":
        return f"{name} (website)"
    return name if items == 1 else f"{name} and {number(items - 1)} more"


def last_trouble(message: str) -> str:
    return f"Last trouble: {message}"


def job_ended(base: str, result: str) -> str:
    return f"“{base}”: {result}"


def result(job: ProgressRecord) -> str:
    """What became of a job: ``412 ready · 3 skipped · 1 failed``."""
    return outcome(job.ready_files, job.skipped_files, job.failed_files)


def outcome(ready: int, skipped: int, failed: int) -> str:
    """``412 ready · 3 skipped · 1 failed``."""
    parts = [f"{number(ready)} ready"]
    parts += [f"{number(skipped)} skipped"] if skipped else []
    parts += [f"{number(failed)} failed"] if failed else []
    return " · ".join(parts)


def base_facts(documents: int, chunks: int) -> str:
    return f"{count(documents, 'document')} · {count(chunks, 'passage')}" if documents else "no documents"
