"""The chat page and its answers."""

from collections.abc import Iterable

from pydantic import JsonValue

from sitechat.events import Reason
from sitechat.ui.text.numbers import count, spent
from sitechat.wording import reasons, shortened

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
EARLIER_HELP = "Nothing that it rests on has changed since. Below the latest answer, the arrow has it written again."
COPY = "Copy"
COPIED = "Copied"
CLOSE = "Close"
COMMENT = "What was missing or wrong? (optional)"
COMMENT_GOOD = "What was good about it? (optional)"
SEND = "Send"
THANKS = "Thank you, noted."
OPEN_SOURCE = "Open the source"
NO_LONGER = "This source is no longer there"
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


def earlier_answer(ago: str) -> str:
    """Of an answer that was given before."""
    return f"From an earlier answer, {ago}"


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


CHECK_THIS = "Check this"
"""Style sheet and script find such words by it: change it there as well."""
NEAREST_WORDS = "The nearest words in your documents"


def check_tooltip(found: Iterable[Reason]) -> str:
    return f"{CHECK_THIS}: {reasons(found)}"


def to_check(sentences: int) -> str:
    return f"{count(sentences, 'sentence')} to check"


def read(when: str) -> str:
    return f"read {when}"


def source_changed(when: str) -> str:
    return f"This source has changed since, on {when}" if when else "This source has changed since"


def page(number: int) -> str:
    return f"page {number}"
