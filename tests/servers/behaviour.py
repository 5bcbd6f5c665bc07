"""What a wire server does with a request, chosen by the name of the model that is asked for.

A name is a word followed by flags in any order, for example ``wire-r50-n200-d300-md``:

======== =====================================================================================
``r50``   50 tokens a second; ``r0`` (default) as fast as the connection takes them
``n200``  200 tokens (default 12)
``d300``  300 ms between the headers and the first token
``w300``  300 ms before the headers
``t10``   write at most every 10 ms
``e429``  answer with that HTTP status instead
``f2``    only the first two requests of this model fail; later ones are answered
``ra7``   with an error: ``Retry-After: 7``; ``rd7``: the same as an HTTP date
``m5``    after 5 tokens send an error event and end
``c5``    after 5 tokens cut the connection
``h5``    after 5 tokens fall silent until the client leaves
``b5``    after 5 tokens send an event that is not well formed
``x5``    after 5 tokens end the response in good order, without the event that finishes an answer
``long``  the prompt is too long for the model
``md``    Markdown with headings, lists, tables and fenced code
``echo``  the last user message
``cite``  repeat the sentences of passage 1 of the last user message, each with the mark ``[1]``
``nu``    never send usage
``so``    reject ``stream_options``, as some older servers do
``html``  answer with a web page and status 200
``len``   finish because of length; ``filter``: because of the content filter
======== =====================================================================================
"""

import asyncio
import email.utils
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import lru_cache

from providers.sentences import readable, split_sentences

WORDS = (
    "the", "of", "and", "to", "in", "is", "that", "for", "on", "with", "as", "by", "this", "from", "at", "which",
    "system", "data", "answer", "model", "index", "chunk", "query", "source", "page",
)  # fmt: skip
MARKDOWN = (
    "## Heading", "\n\n", "Some **bold** text", " and", " `code`", ".\n\n", "- item one\n", "- item two\n", "\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n", "\n", "```python\n", "def f(x):\n", "    return x + 1\n", "```\n\n",
    "Then", " more", " words", " follow", ".\n\n",
)  # fmt: skip
_NUMBER = re.compile(r"(ra|rd|[rndwtefmchbx])(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Behaviour:
    rate: float = 0
    tokens: int = 12
    delay: float = 0
    header_delay: float = 0
    tick: float = 0.005
    status: int = 0
    failures: int = 0
    retry_after: str | None = None
    error_after: int | None = None
    cut_after: int | None = None
    hang_after: int | None = None
    garble_after: int | None = None
    end_after: int | None = None
    words: frozenset[str] = frozenset()

    @property
    def stop(self) -> tuple[int, str]:
        """After how many tokens something else happens, and what."""
        points = [
            (count, what)
            for count, what in (
                (self.error_after, "mid-error"),
                (self.cut_after, "cut"),
                (self.hang_after, "hang"),
                (self.garble_after, "garbled"),
                (self.end_after, "truncated"),
            )
            if count is not None
        ]
        return min(points, default=(self.tokens, "done"))


@lru_cache(maxsize=256)
def parse(model: str) -> Behaviour:
    """Read the flags out of a model's name; unknown ones are left alone."""
    numbers: dict[str, float] = {}
    words = set()
    for flag in model.split("-")[1:]:
        if match := _NUMBER.fullmatch(flag):
            numbers[match[1]] = float(match[2])
        else:
            words.add(flag)

    def count(flag: str) -> int | None:
        return int(numbers[flag]) if flag in numbers else None

    return Behaviour(
        rate=numbers.get("r", 0),
        tokens=int(numbers.get("n", 12)),
        delay=numbers.get("d", 0) / 1000,
        header_delay=numbers.get("w", 0) / 1000,
        tick=numbers.get("t", 5) / 1000,
        status=int(numbers.get("e", 0)),
        failures=int(numbers.get("f", 0)),
        retry_after=_retry_after(numbers),
        error_after=count("m"),
        cut_after=count("c"),
        hang_after=count("h"),
        garble_after=count("b"),
        end_after=count("x"),
        words=frozenset(words),
    )


def _retry_after(numbers: dict[str, float]) -> str | None:
    if "ra" in numbers:
        return f"{numbers['ra']:g}"
    if "rd" in numbers:
        return "date:" + str(numbers["rd"])
    return None


def retry_after_header(behaviour: Behaviour) -> dict[str, str]:
    value = behaviour.retry_after
    if value is None:
        return {}
    if value.startswith("date:"):
        value = email.utils.formatdate(time.time() + float(value[5:]), usegmt=True)
    return {"Retry-After": value}


def answer(behaviour: Behaviour, question: str) -> list[str]:
    """The tokens of the whole answer; joined, they are its text."""
    if "echo" in behaviour.words:
        return re.findall(r"\s*\S+", question)[:400] or ["empty"]
    if "md" in behaviour.words:
        return [MARKDOWN[i % len(MARKDOWN)] for i in range(behaviour.tokens)]
    if "cite" in behaviour.words and (quoted := list(_quoted(question))):
        return [quoted[i % len(quoted)] for i in range(behaviour.tokens)]
    return [_word(i) for i in range(behaviour.tokens)]


def _quoted(prompt: str) -> Iterator[str]:
    """The words of the first passage, with a mark behind each sentence."""
    passage = re.search(r'<passage number="1"[^>]*>\n(.*?)\n</passage>', prompt, re.DOTALL)
    text = passage[1] if passage else ""
    for start, end in split_sentences(text):
        words = readable(text[start:end]).split()
        if len(words) >= 3 and "`" not in text[start:end]:
            yield from (f" {word}" for word in words[:-1])
            yield f" {words[-1]} [1]"


def _word(i: int) -> str:
    if i == 0:
        return "FIRST"
    return " " + WORDS[(i * 7) % len(WORDS)] + (".\n\n" if i % 80 == 79 else "")


async def paced(behaviour: Behaviour, count: int) -> AsyncIterator[tuple[int, int]]:
    """Ranges of tokens as they fall due."""
    loop = asyncio.get_running_loop()
    start, sent = loop.time(), 0
    while sent < count:
        if behaviour.rate:
            due = min(count, max(sent + 1, int((loop.time() - start) * behaviour.rate) + 1))
        else:
            due = min(count, sent + 64)
        yield sent, due
        sent = due
        if behaviour.rate and sent < count:
            pause = start + sent / behaviour.rate - loop.time()
            await asyncio.sleep(max(pause, behaviour.tick if 1 / behaviour.rate < behaviour.tick else 0, 0))
