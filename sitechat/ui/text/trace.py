"""How an answer was found: the one place, beside the settings, that speaks of what goes on inside."""

from collections.abc import Collection

from sitechat.ui.text.numbers import count, number, spent

HOW_FOUND = "How this was found"
READING_TRACE = "Reading it… While an answer is being written, this waits for its end."
GIVEN_AGAIN = (
    "The same question was answered before, and nothing it rests on has changed. The answer was found like this:"
)
GIVEN_AGAIN_ALIKE = "A question that means the same was answered before. The answer was found like this:"
FIRST_GONE = "This repeats an earlier answer. How that was found is not kept any more, or is another person's."
PASSAGES_TAB = "Passages"
STEPS_TAB = "Steps"
PROMPT_TAB = "Prompt"
JUDGEMENTS_TAB = "Judgements"
SAVE_TRACE = "Save as JSON"
REPLAY_HINT = (
    "To answer it again from the same passages, or with `--today` from today's documents, and see what differs:"
)

RANK = "#"
PAGE = "Page"
SECTION = "Section"
GIVEN = "Given as"
CITED = "Cited"
SCORE = "Score"
RELEVANCE = "Relevance"
NO_ROOM = "no room"
MEASURES = {
    "dense_rank": ("By meaning", "Its place in the search by meaning (vectors); empty where that did not find it."),
    "text_rank": ("By words", "Its place in the search by words (BM25); empty where that did not find it."),
    "cosine": ("Nearness", "Cosine between the question's vector and the passage's: 1 is the same direction."),
    "sentence": ("Sentence", "The same of the passage's nearest sentence; empty where its parts have no vectors."),
    "window": ("Window", "The same of its nearest window, a run of about a dozen words."),
    "words": ("Words", "BM25 of the question's words in the passage: rare words count for more."),
    "pairs": ("Word pairs", "BM25 of the question's adjacent pairs of words in the passage."),
    "rerank": ("Ranked", "What the order goes by where a reranker or rules are set; empty where none is."),
}
"""Of each measure of a passage its column and what it means."""
PASSAGE_COLUMNS = {
    RANK: "Its place in the final order.",
    GIVEN: "The number under which the model was given the passage; “no room” where the prompt was full.",
    CITED: "The marks in the answer that rest on it.",
    SCORE: "Nearness and words together: what the order goes by, unless something ranked the passages anew.",
    RELEVANCE: "What the model found: 0 is about something else, 3 answers the question. Empty where it did not look.",
}

STEP = "Step"
COUNTED = "Counted"

ROLES = {"system": "Instructions", "user": "User", "assistant": "Assistant"}
NOT_SENT = "Nothing was sent to a language model, as the answer is quoted. One would have been told this:"
NO_PROMPT = "No language model was asked."
NO_REPLY = "No reply of use came."
PURPOSES = {
    "answer": "Answer",
    "route": "What kind of question is it?",
    "rewrite": "What should be searched for?",
    "rerank": "Which passages come first?",
    "grade": "Do the passages answer it?",
    "verify": "Do the sources support each sentence?",
    "question": "Which question would it answer?",
}


def trace_name(answer_id: str) -> str:
    return f"answer-{answer_id[:8]}.json"


def searched_for(question: str) -> str:
    return f"Searched for: {question}"


def helped_by(question: str) -> str:
    return f"with the help of: {question}"


def searched_further(query: str) -> str:
    return f"and, as that was not enough: {query}"


_VERDICTS = {
    "enough": "enough to answer",
    "partly": "answers a part, so the answer is given with a caution",
    "not enough": "not enough to answer",
}


def evidence(verdict: str, by: str, score: float | None, threshold: float | None) -> str:
    judge = "the model" if by == "model" else "their sentences"
    measured = f" ({score:.2f}; {threshold:.2f} is needed)" if score is not None and threshold is not None else ""
    return f"Judged by {judge}: {_VERDICTS.get(verdict, verdict)}{measured}"


def narrowed(languages: Collection[str], since: str, until: str) -> str:
    parts = [
        f"languages {', '.join(sorted(languages))}" if languages else "",
        f"changed since {since}" if since else "",
        f"changed until {until}" if until else "",
    ]
    told = "; ".join(part for part in parts if part)
    return f"Only in some of the documents: {told}" if told else "Only in some of the documents"


def searched_in(base: str, embedding: str | None, generation: int | None, change: int | None) -> str:
    index = f", search model {embedding} (generation {generation})" if embedding else ", by words only"
    state = f", index at change {number(change)}" if change is not None else ""
    return f"In: “{base}”{index}{state}"


def looked_at(passages: int, given: int, cited: int) -> str:
    return f"{count(passages, 'passage')} looked at closely, {number(given)} to answer from, {number(cited)} cited"


def answered_by(model: str, tokens_in: int, tokens_out: int, seconds: float, first: float | None) -> str:
    tokens = f" · {number(tokens_in)} tokens in, {number(tokens_out)} out" if tokens_in or tokens_out else ""
    word = f" · first word after {spent(first)}" if first is not None else ""
    return f"Answered by: {model}{tokens}{word} · {spent(seconds)} in all"


def prompt_version(version: str) -> str:
    return f"Version {version}"


def judged(purpose: str, seconds: float) -> str:
    return f"{PURPOSES.get(purpose, purpose)} · {spent(seconds)}"


def replay_command(answer_id: str) -> str:
    return f".venv/bin/sitechat replay {answer_id}"
