"""An evaluation that has been made becomes a run that can be kept, with the settings that decided its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import sitechat
from sitechat.evaluation.outcome import Head, Outcome, Run
from sitechat.evaluation.report import report
from sitechat.evaluation.runs import new_run_id
from sitechat.identity import Caller
from sitechat.runtime import Runtime

NOT_ASKED = "none, only searched"


def record(
    engine: Runtime,
    caller: Caller,
    name: str,
    outcomes: Sequence[Outcome],
    *,
    model: str | None,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
    knowledge_base_id: str | None = None,
) -> Run:
    """``model`` is the language model that answered; None where nothing was to be answered."""
    at = datetime.now(UTC)
    head = Head(
        id=new_run_id(name, at),
        name=name,
        owner_id=caller.user_id,
        at=at,
        questions=len(outcomes),
        settings=_deciding(engine, model),
        measured={},
        baselines=baselines or {},
        knowledge_base_id=knowledge_base_id,
    )
    measured = report(Run(head, tuple(outcomes))).values()
    return Run(replace(head, measured=measured), tuple(outcomes))


def _deciding(engine: Runtime, model: str | None) -> dict[str, str]:
    settings = engine.settings
    return {
        "language model": model or NOT_ASKED,
        "step model": settings.step_model or "the same",
        "search model": engine.indexes.embedder.spec,
        "index generation": str(engine.indexes.generation_id),
        "ranked by": engine.reranking.spec if engine.reranking is not None else "nothing",
        "passages given": str(settings.passages),
        "SiteChat": sitechat.__version__,
    }
