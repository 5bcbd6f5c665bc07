"""The knowledge page: knowledge bases, documents, and what becomes of files."""

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
    "Text, Markdown, HTML, PDF, Word, PowerPoint, Excel, CSV, JSON, e-mails and EPUB books are read; "
    "anything else is listed as skipped, with why."
)
ADDRESS = "Address of a page or website"
ADDRESS_EXAMPLE = "https://example.org/handbook"
ADD_PAGE = "Add"
HOW_FAR = "How much of it"
ONE_PAGE = "This page"
WHOLE_SITE = "The whole website"
SITE_LIMITS = "Limits for a website"
MAX_PAGES = "Pages at most"
MAX_DEPTH = "Links from the first page at most"
INCLUDE = "Only paths like"
EXCLUDE = "Leave out paths like"
PATTERN_EXAMPLE = "/docs/*, /help/*"
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
DETAILS = "Files and pages"
STARTED = "Added. You can watch it below, or leave: it goes on without you."

HEALTH = {
    "ready": "Ready",
    "working": "Working",
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
    "instruction": "It contains a passage that reads like an instruction to a language model",
}
UNCHANGED = "Unchanged"
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
    "superseded": "Newer version added",
    "failed": "Failed",
}
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


def time_left(seconds: float) -> str:
    """``about 4 min left``, rounded so that it does not flicker."""
    if seconds < 8:
        return "a few seconds left"
    if seconds < 55:
        return f"about {round(seconds / 5) * 5} s left"
    if seconds < 3600:
        return f"about {max(1, round(seconds / 60))} min left"
    return f"about {seconds / 3600:.1f} h left"


def outcome(ready: int, skipped: int, failed: int) -> str:
    """``412 ready · 3 skipped · 1 failed``."""
    parts = [f"{number(ready)} ready"]
    parts += [f"{number(skipped)} skipped"] if skipped else []
    parts += [f"{number(failed)} failed"] if failed else []
    return " · ".join(parts)


def base_facts(documents: int, chunks: int) -> str:
    return f"{count(documents, 'document')} · {count(chunks, 'passage')}" if documents else "no documents"
