"""How far the reading of a website goes, as it stands in the journal."""

from collections.abc import Mapping
from typing import Any

from sitechat.ingestion.site.scope import Scope
from sitechat.ingestion.urls import parse_url, with_scheme

MAX_PAGES, MOST_PAGES = 2_000, 100_000
MAX_DEPTH, MOST_DEPTH = 20, 1_000
MAX_MINUTES, MOST_MINUTES = 360, 10_080


def site(
    address: str,
    *,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    max_depth: int = MAX_DEPTH,
    max_pages: int = MAX_PAGES,
    max_minutes: float = MAX_MINUTES,
) -> Scope:
    """The site at ``address`` as a person types it. Raises ``InvalidInput``."""
    start, seconds = parse_url(with_scheme(address)), 60.0 * max_minutes
    return Scope(start, include=include, exclude=exclude, max_depth=max_depth, max_pages=max_pages, max_seconds=seconds)


def to_plan(scope: Scope) -> dict[str, Any]:
    return {
        "start": str(scope.start),
        "same_site": scope.same_site,
        "include": list(scope.include),
        "exclude": list(scope.exclude),
        "max_depth": scope.max_depth,
        "max_pages": scope.max_pages,
        "max_seconds": scope.max_seconds,
        **({"login": scope.login} if scope.login else {}),
    }


def from_plan(plan: Mapping[str, Any]) -> Scope:
    return Scope(
        parse_url(plan["start"]),
        plan["same_site"],
        tuple(plan["include"]),
        tuple(plan["exclude"]),
        plan["max_depth"],
        plan["max_pages"],
        plan["max_seconds"],
        plan.get("login", ""),
    )
