"""The evaluation page: what is measured, in words that need no explaining, and what each of them means."""

from sitechat.ui.text.numbers import count, number

EVALUATION = "Evaluation"
EVALUATION_INTRO = (
    "How often are the right pages found, answered from and cited, and how often is a question refused that nothing "
    "answers? An evaluation asks many questions and counts."
)
NO_RUNS = (
    "Nothing has been measured yet. Choose a knowledge base above and start: questions are made from its pages, some "
    "of them changed so that nothing answers them, and asked as if somebody had typed them. The figures stay here, and "
    "show what a change of documents or settings does."
)
NOTHING_TO_MEASURE = "Add documents to a knowledge base first; then it can be measured here."
NEW_EVALUATION = "New evaluation"
EVALUATED_BASE = "Knowledge base"
ANSWERED_BY = "Answered by"
HOW_MANY = "Questions"
HOW_MANY_HELP = (
    "Three quarters of them are asked once more with their pages left out. More questions take longer and tell smaller "
    "differences."
)
START_EVALUATION = "Start"
STOP_EVALUATION = "Stop"
PREPARING_QUESTIONS = "Making questions from the pages…"
EVALUATION_ENDED = "The evaluation has ended."
EVALUATION_STOPPED = "The evaluation was stopped. Nothing of it was kept."
SHOW_REPORT = "Show the report"
DISMISS = "Dismiss"
RIGHT_PAGE = "Which page answers it?"
RIGHT_WORDS = "Words that the answer should have"
NO_PAGE = "No page chosen"
OPTIONAL = "optional"
TOLD_HELP = "From answers that were judged and gaps that were reported. Every evaluation asks them as well."
TO_BE_REFUSED = "With neither a page nor words, the question is to be refused."
NOT_ANY_MORE = "Do not ask this any more"
PAST_RUNS = "Evaluations so far"
ALL_RUNS = "All evaluations"
RUN_GONE = "This evaluation does not exist, or not any more."
DELETE_RUN = "Delete this evaluation"
WITH_SETTINGS = "Made with"

FIGURES = {
    "answerable answered": ("Answered", "Of the questions that the pages answer, the share that was answered."),
    "unanswerable refused": (
        "Refused rightly",
        "Of the questions that no page answers, because they were changed, the share that was refused.",
    ),
    "removed refused": (
        "Refused if removed",
        "Each question is asked once more as if its pages were not there. This is the share that was refused then.",
    ),
    "answers hold the expected words": (
        "Expected words",
        "Of the answers whose words are known, the share that has them.",
    ),
    "citation precision": (
        "Right citations",
        "Of the pages that answers cite, the share that does answer the question.",
    ),
    "citation recall": ("Right pages cited", "Of the pages that answer a question, the share that its answer cites."),
    "sentences supported": ("Sentences backed", "The share of an answer's sentences that was found in its sources."),
    "words an answer": ("Words an answer", "How long answers are."),
    "recall@1": ("Right page first", "How often the first page found is a right one."),
    "recall@5": ("Among the first 5", "The share of the right pages that is among the first five found."),
    "recall@10": ("Among the first 10", "The share of the right pages that is among the first ten found."),
    "recall@20": ("Among the first 20", "The share of the right pages that is among the first twenty found."),
    "mrr@10": (
        "Place of the page",
        "One over the place of the first right page, on average: 1 is always first. (MRR)",
    ),
    "ndcg@10": (
        "Order of the pages",
        "How near the order of the first ten pages is to the best one: 1 is best. (nDCG)",
    ),
    "AUROC unanswerable": (
        "Telling apart",
        "How well the score of the evidence tells questions with an answer from those without: 100 % is always, 50 % "
        "is by chance. (AUROC)",
    ),
    "AUROC removed": (
        "Telling removed",
        "The same for questions whose pages were left out. (AUROC)",
    ),
}
"""Of each measure its name and what it means."""

TRADE_OFF = "Answer or refuse"
TRADE_OFF_HELP = (
    "Whoever refuses more makes fewer things up, and leaves more people without an answer. Each line is the choice "
    "there is; the mark is where SiteChat stands now. Nearer to the lower left corner is better."
)
WRONG_REFUSALS = "Refused, though the pages answer"
WRONG_ANSWERS = "Answered, though no page does"
KIND = "Question"
AT_PRESENT = "Now"
KINDS = {"unanswerable": "changed, so that nothing answers it", "removed": "its pages left out"}
DEPTH = "Where the right page is found"
AMONG_FIRST = "Among the first … pages found"
PAGES_FOUND = "Right pages found"
DURATION = "How long each step takes"
MILLISECONDS = "Milliseconds"
SHARE_OF_QUESTIONS = "Of the questions"
HALF, MOST = "half take less than", "95 % take less than"
STEP_NAMES = {
    "routing": "Classifying the question",
    "rewriting": "Taking the conversation in",
    "cached": "Looking for a known answer",
    "retrieving": "Searching",
    "grading": "Judging the passages",
    "expanding": "Searching further",
    "generating": "Answering",
    "verifying": "Checking the answer",
}

FAILED_QUESTIONS = "Questions to look at"
NO_FAILED_QUESTIONS = "Every question ended as it should."
FAILURES = {
    "made up": ("Answered, though no page does", "red"),
    "refused": ("Refused, though a page answers", "orange"),
    "other page": ("Answered from another page", "orange"),
    "other words": ("Without the expected words", "orange"),
    "not found": ("Right page not among the first", "orange"),
    "made up without": ("Answered without its page", "red"),
    "not asked": ("Could not be asked", "gray"),
}
"""Of each kind of failure its name and colour."""
EXPECTED_PAGE = "Expected"
EXPECTED_WORDS = "Expected words"
NOTHING_EXPECTED = "a refusal"
FIRST_FOUND = "Found first"
NOTHING_WAS_FOUND = "nothing"
WAS_ANSWERED = "Answer"
ASK_IT = "Ask it"
MORE_FAILURES = "Show more"

COMPARE_WITH = "Compare with"
NO_COMPARISON = "Nothing"
FIGURE, BEFORE, AFTER, DIFFERENCE, IN_WORDS = "Figure", "Before", "Now", "Difference", "In words"
VERDICTS = {"better": "better", "worse": "worse", "not distinguishable": "no difference that can be told"}
COMPARED_HELP = (
    "Both are compared question by question. In brackets: the range in which the difference lies with 95 % certainty. "
    "Where that range holds zero, it may be luck; more questions may tell."
)
SAME_SETTINGS = "Made with the same settings."


def told_questions(told: int) -> str:
    return f"{count(told, 'question')} from feedback"


def percentage(value: float) -> str:
    return f"{value:.0%}"


def asking(done: int, total: int) -> str:
    return f"Question {number(min(done + 1, total))} of {number(total)}"


def evaluating(base: str) -> str:
    return f"Measuring “{base}”"


def evaluation_failed(error: str) -> str:
    return f"The evaluation ended early. {error}"


def run_facts(when: str, questions: int) -> str:
    return f"{when} · {count(questions, 'question')}"


def run_choice(when: str, questions: int, model: str) -> str:
    return f"{when} · {count(questions, 'question')} · {model}"


def difference(change: float, low: float, high: float) -> str:
    return f"{change:+.1%} ({low:+.1%} to {high:+.1%})"


def changed_setting(name: str, before: str, after: str) -> str:
    return f"{name}: {before or '–'} → {after or '–'}"


def shared_questions(shared: int) -> str:
    return f"On the {count(shared, 'question')} that both have."


def present_choice(refusals: float, answers: float) -> str:
    return f"Now: {refusals:.0%} refused though the pages answer, {answers:.0%} answered though no page does."
