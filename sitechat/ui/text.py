"""Every text of the page, so that a translation is one file.

Constants are Markdown of ours; functions take values and return plain text, which pages escape where Streamlit
reads Markdown.
"""

from datetime import datetime, timedelta

from pydantic import JsonValue

PRODUCT = "SiteChat"

# Navigation

CHAT = "Chat"
KNOWLEDGE = "Knowledge"
SETTINGS = "Settings"

# The engine did not open

NOT_RUNNING = "SiteChat could not start"
NOT_RUNNING_HELP = "Put this right, then reload the page."

# Sidebar

NEW_CHAT = "New chat"
SEARCH = "Search conversations"
NOTHING_FOUND = "No conversation has these words."
NO_CONVERSATIONS = "Your conversations will be listed here."
SHOW_MORE = "Show more"
CONVERSATION_MENU = "Rename, export or delete"
TITLE = "Title"
EXPORT = "Export as Markdown"
DELETE = "Delete"
UNDO = "Undo"
TODAY = "Today"
YESTERDAY = "Yesterday"
THIS_WEEK = "Previous 7 days"
THIS_MONTH = "Previous 30 days"


def deleted(title: str) -> str:
    return f"“{title}” was deleted."


# Chat, before the first question

ASK_TITLE = "Ask your documents"
ASK_INTRO = (
    "Ask in your own words. SiteChat searches the knowledge base you choose, answers from what it finds, and shows "
    "you the passage behind every sentence."
)
TRY_ONE = "Try one of these"
NO_KEY = "No API key set: answers are quoted from your documents. Add a key for written answers."
NO_KEY_HOW = "How to add a key"
NO_KEY_STEPS = """Put one line into the file `.env` beside `streamlit_app.py`, then start SiteChat again:

```sh
OPENAI_API_KEY=sk-…
```

A server that speaks OpenAI's protocol (Ollama, vLLM, llama.cpp, a gateway) needs its address as well:

```sh
OPENAI_BASE_URL=http://localhost:11434/v1
SITECHAT_LLM=openai/<model>
```

For Amazon Bedrock set your AWS credentials and `SITECHAT_LLM=bedrock/<model id>`."""
ADD_YOUR_OWN = "Add your own documents"
ADD_YOUR_OWN_HELP = "Drop files, or paste the address of a page."
NO_KNOWLEDGE = "There is no knowledge base yet. Add a few files or a page, and ask about them."
INPUT = "Ask a question"
INPUT_WAITING = "Type your next question"
KNOWLEDGE_BASE = "Knowledge base"
MODEL = "Model"
EXTRACTIVE = "Quotes only, no model"
STOP = "Stop"


def model_name(spec: str) -> str:
    return EXTRACTIVE if spec == "extractive" else spec.partition("/")[2] or spec


def input_for(base: str) -> str:
    return f"Ask “{base}”"


def nothing_to_serve(base: str) -> str:
    return f"“{base}” has nothing to answer from yet. Add documents on the Knowledge page, then ask."


def being_prepared(base: str, percentage: float, left: str) -> str:
    rest = f", {left}" if left else ""
    return f"“{base}” is being prepared: {percentage:.0f} %{rest}. You can ask as soon as its first pages are ready."


def still_reading(base: str, percentage: float, left: str) -> str:
    rest = f", {left}" if left else ""
    return f"“{base}” is still being read: {percentage:.0f} %{rest}. Answers come from what is ready."


# An answer

THINKING = "Working on it"
NEXT_QUESTION = "Asked next"
INTERRUPTED = "Interrupted"
STOPPED = "Stopped here"
CUT_SHORT = "The answer reached its length limit and ends here."
RETRY = "Retry"
DISCARD = "Discard"
REGENERATE = "Write this answer again"
COPY = "Copy"
COPIED = "Copied"
CLOSE = "Close"
COMMENT = "What was missing or wrong? (optional)"
COMMENT_GOOD = "What was good about it? (optional)"
SEND = "Send"
THANKS = "Thank you, noted."
OPEN_SOURCE = "Open the source"
NO_LONGER = "This passage is no longer in the knowledge base."
CLOSEST = "Closest pages"
REPORT_GAP = "Report this gap"
REPORT_GAP_HELP = "Tell whoever keeps these documents what you were looking for."
REPORTED = "Reported. Thank you."
GONE = "This conversation does not exist, or not any more."
EARLIER = "Show earlier messages"
UNREACHABLE = "SiteChat cannot be reached. This page goes on by itself once it answers; questions and answers are kept."
BROKE = "Something went wrong on this page. Reload it; what was asked and answered is kept."
UNANSWERED = "The answer could not be followed any further. Reload the page to see it."


def answered(pages: int, seconds: float) -> str:
    where = f" from {count(pages, 'page')}" if pages else ""
    return f"Answered{where} in {spent(seconds)}"


def not_answered(pages: int, seconds: float) -> str:
    return f"Searched {count(pages, 'page')} in {spent(seconds)}" if pages else f"Searched in {spent(seconds)}"


def stopped_after(seconds: float) -> str:
    return f"Stopped after {spent(seconds)}"


def failed_after(seconds: float) -> str:
    return f"Broke off after {spent(seconds)}"


def retrying_in(seconds: float) -> str:
    return f"The model is busy; retrying in {max(1, round(seconds))} s."


def waiting(seconds: float) -> str:
    return f"Still waiting for the model ({round(seconds)} s)…"


def ask_again_in(seconds: int) -> str:
    return f"You can retry in {seconds} s." if seconds < 60 else f"You can retry in {spent(seconds)}."


def step_numbers(detail: dict[str, JsonValue] | None) -> str:
    """The numbers of a finished step, such as ``24 passages, 9 pages``; its time is not among them."""
    words = {"passages": "passage", "pages": "page", "tokens": "token", "sentences": "sentence"}
    numbers = [(name, value) for name, value in (detail or {}).items() if name != "ms" and isinstance(value, int)]
    return ", ".join(count(value, words.get(name, name)) for name, value in numbers)


def source_tooltip(number: int, title: str, quote: str) -> str:
    """Style sheet and script find marks by its beginning, ``Source``: change it there as well."""
    return f"Source {number}: {title} — “{shortened(quote, 220)}”"


def read(when: str) -> str:
    return f"read {when}"


def source_changed(when: str) -> str:
    return f"Source changed on {when}"


def page(number: int) -> str:
    return f"page {number}"


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
    "scans": "It has pages that are pictures of text, which need OCR and were not read",
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


# Settings

SETTINGS_INTRO = "What is in force. Settings are read from the environment and `.env` when SiteChat starts."
LANGUAGE_MODEL = "Language model"
SEARCH_MODEL = "Search model"
DATA_FOLDER = "Data folder"
VERSION = "Version"
TEST_MODEL = "Test the connection"
TESTING = "Asking the provider…"
SET_A_KEY = "Set an API key"
ALL_SETTINGS = "All settings"
SETTING, VALUE, MEANING = "Setting", "Value", "What it does"
NOT_SET = "not set"
SEARCH_STATES = {"loading": "loading", "ready": "ready", "failed": "failed"}

# Numbers and times


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


def shortened(text: str, length: int) -> str:
    """One line of at most ``length`` characters, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length + 1].rsplit(" ", 1)[0][:length].rstrip(",;:.") + "…"
