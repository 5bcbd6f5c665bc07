"""The kinds of sources: what a plan of each says, and what its reading begins with.

A new kind is a line in :data:`KINDS` and a way to add one in the service.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitechat.ingestion.gather import items_of_paths
from sitechat.ingestion.s3.buckets import first_item
from sitechat.ingestion.s3.places import parse_place
from sitechat.ingestion.site.canonical import canonical
from sitechat.ingestion.site.crawl import first_items
from sitechat.ingestion.site.plan import from_plan
from sitechat.ingestion.urls import parse_url
from sitechat.storage.jobs import NewItem

Plan = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """``key`` is what of a plan makes it the same source, ``name`` what people call it.

    ``items`` is what a reading begins with, looked up anew each time (it may block); the folder given to it is never
    read. What is listed there is all there is, unless items lead to more.
    """

    key: Callable[[Plan], str]
    name: Callable[[Plan], str]
    items: Callable[[Plan, Path], list[NewItem]]


def _page(plan: Plan) -> list[NewItem]:
    address = plan["url"]
    return [NewItem(address, address, f"url:{address}")]


def _start(plan: Plan) -> str:
    return str(canonical(parse_url(plan["start"])))


KINDS: Mapping[str, Kind] = {
    "site": Kind(key=_start, name=_start, items=lambda plan, _: first_items(from_plan(plan))),
    "url": Kind(key=lambda plan: plan["url"], name=lambda plan: plan["url"], items=lambda plan, _: _page(plan)),
    "bucket": Kind(
        key=lambda plan: plan["bucket"],
        name=lambda plan: plan["bucket"],
        items=lambda plan, _: [first_item(parse_place(plan["bucket"]))],
    ),
    "files": Kind(
        key=lambda plan: json.dumps(plan["paths"]),
        name=lambda plan: ", ".join(plan["paths"]).encode("utf-8", "replace").decode(),
        items=lambda plan, leave_out: items_of_paths([Path(path) for path in plan["paths"]], leave_out),
    ),
}
