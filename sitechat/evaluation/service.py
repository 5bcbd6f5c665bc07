"""Evaluations of knowledge bases in the background: tasks on the engine's loop that no page owns, one at a time."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Literal

from sitechat.errors import InvalidInput, SiteChatError, Unavailable
from sitechat.evaluation.comparison import Comparison, compare
from sitechat.evaluation.examination import Examination
from sitechat.evaluation.outcome import Head, Outcome, Run
from sitechat.evaluation.own_questions import prepared
from sitechat.evaluation.question_set import Question
from sitechat.evaluation.record import record
from sitechat.evaluation.runs import Runs
from sitechat.identity import Caller
from sitechat.runtime import Runtime
from sitechat.storage.values import KnowledgeBase

log = logging.getLogger(__name__)

State = Literal["preparing", "asking", "ended", "stopped", "failed"]
_BUG = "Something went wrong inside SiteChat; the log says more."


@dataclass(frozen=True, slots=True)
class Underway:
    """The evaluation that is being made, or the last one. ``run_id`` is what it became, ``error`` why it did not."""

    caller: Caller
    base: KnowledgeBase
    model: str
    limit: int
    state: State = "preparing"
    done: int = 0
    total: int = 0
    run_id: str | None = None
    error: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in ("preparing", "asking")


class EvaluationService:
    """Each caller sees their own evaluations; only one is made at a time, whoever asks."""

    def __init__(self, engine: Runtime) -> None:
        self._engine = engine
        self._runs = Runs(engine.settings.data_dir)
        self._task: asyncio.Task[None] | None = None
        self._underway: Underway | None = None
        engine.before_closing(self.close)

    async def start(self, caller: Caller, knowledge_base_id: str, *, model: str, limit: int) -> None:
        """Raises ``Unavailable`` while another one is being made, ``NotFound`` or ``InvalidInput``."""
        base = await self._engine.knowledge.get(caller, knowledge_base_id)
        if not base.ready:
            raise InvalidInput(f"“{base.name}” has nothing to ask about yet.")
        if self._underway is not None and self._underway.is_open:
            raise Unavailable("Another evaluation is being made. Start this one when it has ended.")
        self._underway = Underway(caller, base, model, limit)
        self._task = asyncio.create_task(self._make(self._underway), name="evaluation")

    async def underway(self, caller: Caller) -> Underway | None:
        """The caller's own that is being made, or was last."""
        return self._underway if self._underway is not None and self._underway.caller == caller else None

    async def stop(self, caller: Caller) -> None:
        """Nothing of an evaluation that is stopped is kept."""
        if self._task is not None and await self.underway(caller) is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def dismiss(self, caller: Caller) -> None:
        """What became of the last one has been seen."""
        underway = await self.underway(caller)
        if underway is not None and not underway.is_open:
            self._underway = None

    async def runs(self, caller: Caller) -> list[Head]:
        """Newest first."""
        return await asyncio.to_thread(self._runs.all, caller)

    async def run(self, caller: Caller, run_id: str) -> Run:
        """Raises ``NotFound``."""
        return await asyncio.to_thread(self._runs.get, caller, run_id)

    async def delete(self, caller: Caller, run_id: str) -> None:
        await asyncio.to_thread(self._runs.delete, caller, run_id)

    async def compare(self, caller: Caller, before: str, after: str) -> Comparison:
        """Raises ``NotFound``."""
        runs = await asyncio.gather(self.run(caller, before), self.run(caller, after))
        return await asyncio.to_thread(compare, *runs)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _make(self, wanted: Underway) -> None:
        engine, caller = self._engine, wanted.caller
        try:
            await engine.indexes.ready()
            examination, questions = await prepared(engine, caller, wanted.base, model=wanted.model, limit=wanted.limit)
            outcomes = await self._ask(examination, questions)
            run = record(
                engine, caller, wanted.base.name, outcomes, model=wanted.model, knowledge_base_id=wanted.base.id
            )
            await asyncio.to_thread(self._runs.save, run)
            self._tell(state="ended", run_id=run.head.id)
        except asyncio.CancelledError:
            self._tell(state="stopped")
            raise
        except (SiteChatError, OSError) as error:
            log.warning("an evaluation ended early: %s", error)
            self._tell(state="failed", error=str(error))
        except Exception:  # a bug must end the evaluation, not the engine; its cause belongs in the log
            log.exception("an evaluation failed")
            self._tell(state="failed", error=_BUG)

    async def _ask(self, examination: Examination, questions: list[Question]) -> list[Outcome]:
        self._tell(state="asking", total=len(questions))
        outcomes: list[Outcome] = []
        async for outcome in examination.ask_all(questions):
            outcomes.append(outcome)
            self._tell(done=len(outcomes))
        return outcomes

    def _tell(self, **news: object) -> None:
        if self._underway is not None:
            self._underway = replace(self._underway, **news)  # type: ignore[arg-type]
