"""Questions about a person's own knowledge base, asked of its live index.

They are made from its passages: by rules from key sentences and headings, or written by the language model that judges
(``SITECHAT_STEP_MODEL``, else the one that answers). A part of them is twisted into what the passages do not say, so
that it has to be refused. By rules the same passages give the same questions, so that evaluations can be compared; a
model may word them otherwise each time, and two evaluations may then share few. Beside them, whatever the limit, stand
the questions whose right answer the person has told.
"""

import asyncio
import hashlib

from sitechat.errors import Unavailable
from sitechat.evaluation.examination import Examination, Texts
from sitechat.evaluation.question_set import Question
from sitechat.identity import Caller
from sitechat.pipeline.made_questions import MadeQuestion, make_questions, twisted
from sitechat.pipeline.state import TurnState
from sitechat.pipeline.written_questions import written_questions
from sitechat.runtime import Runtime
from sitechat.storage.cases import Case
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.values import Chunk, KnowledgeBase

QUESTIONS = 100
"""Made where nobody says how many."""

_TWISTED = 4
"""Of so many questions, one is to be unanswerable."""


async def prepared(
    engine: Runtime, caller: Caller, base: KnowledgeBase, *, model: str, limit: int = QUESTIONS
) -> tuple[Examination, list[Question]]:
    """What asks, and what is asked. Raises ``Unavailable`` where no question can be made."""
    store = KnowledgeStore(engine.db)
    passages = await store.chunk_ids(caller, base.id)
    chunks = await store.some_chunks(caller, base.id, limit)
    told = [_told(case) for case in await engine.cases.of(caller, base.id)]
    made = await _made(engine, caller, chunks, limit, model)
    questions = [*told, *map(_question, made)]
    if not questions:
        raise Unavailable(f"No questions can be made from “{base.name}”: it has no sentences that say something.")
    texts = Texts({uri: uri for uri in passages}, passages)
    return Examination(caller, base, engine.tools(model), texts), questions


async def _made(engine: Runtime, caller: Caller, chunks: list[Chunk], limit: int, model: str) -> list[MadeQuestion]:
    wanted = max(1, limit - limit // _TWISTED)
    advisor = engine.models.advisor(model)
    made: list[MadeQuestion] = []
    if advisor is not None:
        made = await written_questions(advisor, TurnState(caller, ""), chunks, wanted)
    return await asyncio.to_thread(_completed, made, chunks, wanted, limit)


def _completed(made: list[MadeQuestion], chunks: list[Chunk], wanted: int, limit: int) -> list[MadeQuestion]:
    """Filled up by rules to ``wanted`` answerable questions, and with twisted ones to ``limit``."""
    if len(made) < wanted:
        made = [*made, *make_questions(chunks, wanted - len(made))]
    return [*made, *twisted(made, chunks)[: limit - len(made)]]


def _question(made: MadeQuestion) -> Question:
    relevant = {made.uri: 1.0} if made.answerable else {}
    mark = hashlib.sha256(f"{made.uri}\0{made.text}".encode()).hexdigest()[:12]
    return Question(mark, made.text, (), made.expected, made.answerable, relevant)


def _told(case: Case) -> Question:
    answers = (case.wording,) if case.wording else ()
    relevant = {case.uri: 1.0} if case.uri else {}
    return Question(f"case-{case.id}", case.question, case.history, answers, case.answerable, relevant)
