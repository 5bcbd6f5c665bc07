"""What a team knows of its own pages: a TOML file that puts some of them before others.

``[[boost]]`` adds to the rank of what lies below some addresses or paths, ``[[freshness]]`` to that of what has changed
of late, and ``[[pin]]`` puts pages first where the question holds one of some words. See
``examples/ranking.toml``.
"""

import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from providers.words import stems
from sitechat.errors import SettingsError
from sitechat.storage.values import Chunk, KnowledgeBase

_PINNED = 10.0
"""More than all else can add up to."""


class _Rule(BaseModel):
    """``knowledge_bases`` are names; without them a rule holds for all. ``prefixes`` begin addresses or paths."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    knowledge_bases: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def holds(self, chunk: Chunk, base: KnowledgeBase) -> bool:
        here = not self.knowledge_bases or base.name in self.knowledge_bases
        return here and (not self.prefixes or chunk.uri.startswith(self.prefixes))


class Boost(_Rule):
    prefixes: tuple[str, ...] = Field(min_length=1)
    by: float = Field(ge=-1, le=1)


class Freshness(_Rule):
    """What changed today gets ``by``, what changed ``half_life_days`` ago half of it, and so on."""

    half_life_days: float = Field(gt=0)
    by: float = Field(gt=0, le=1)


class Pin(_Rule):
    prefixes: tuple[str, ...] = Field(min_length=1)
    words: tuple[str, ...] = Field(min_length=1)


class RankingRules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    boost: tuple[Boost, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    pin: tuple[Pin, ...] = ()

    def adds(self, chunk: Chunk, base: KnowledgeBase, question: str, at: datetime) -> float:
        """What the rules add to a passage's rank."""
        asked = set(stems(question))
        total = sum(rule.by for rule in self.boost if rule.holds(chunk, base))
        total += sum(_fresh(rule, chunk, at) for rule in self.freshness if rule.holds(chunk, base))
        pinned = any(asked & set(stems(" ".join(rule.words))) for rule in self.pin if rule.holds(chunk, base))
        return total + (_PINNED if pinned else 0.0)


def load_rules(path: Path) -> RankingRules:
    """The rules in a file. Raises ``SettingsError`` that names the place and what is wrong there."""
    try:
        return RankingRules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"SITECHAT_RANKING_RULES names {path}, which cannot be read: {error}") from error
    except ValidationError as error:
        wrong = "\n".join(f"  {_place(each['loc'])}: {each['msg']}" for each in error.errors())
        raise SettingsError(f"The ranking rules in {path} need attention:\n{wrong}") from None


def _fresh(rule: Freshness, chunk: Chunk, at: datetime) -> float:
    if chunk.changed_at is None:
        return 0.0
    days = max(0.0, (at - chunk.changed_at).total_seconds() / 86_400)
    return float(rule.by * 0.5 ** (days / rule.half_life_days))


def _place(location: Sequence[int | str]) -> str:
    """``boost 2, by``: which rule of its kind, counted from 1, and its field."""
    kind, *rest = location
    number = f" {rest[0] + 1}" if rest and isinstance(rest[0], int) else ""
    return f"{kind}{number}" + "".join(f", {part}" for part in rest[1:])
