"""``sitechat ingest``: files, folders, pages and sites into a knowledge base."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sitechat.cli.base import Json, opened, people, results
from sitechat.cli.progress import follow
from sitechat.identity import LOCAL
from sitechat.ingestion.login_lines import header_lines
from sitechat.ingestion.s3.places import is_s3
from sitechat.ingestion.site.plan import MAX_DEPTH, MAX_MINUTES, MAX_PAGES
from sitechat.ingestion.site.plan import site as site_at
from sitechat.progress import ItemRecord
from sitechat.storage.values import KnowledgeBase


def ingest(
    sources: Annotated[list[str], typer.Argument(help="Files, folders, web addresses, or s3://bucket/prefix.")],
    knowledge_base: Annotated[
        str, typer.Option("--knowledge-base", "-k", help="Name of the knowledge base; made where there is none.")
    ],
    site: Annotated[bool, typer.Option("--site", help="Read the whole website of each address, not one page.")] = False,
    max_pages: Annotated[int, typer.Option(help="With --site: pages to read at most.")] = MAX_PAGES,
    max_depth: Annotated[int, typer.Option(help="With --site: links to follow from the first page.")] = MAX_DEPTH,
    max_minutes: Annotated[float, typer.Option(help="With --site: minutes to read at most.")] = MAX_MINUTES,
    include: Annotated[
        list[str] | None, typer.Option(help="With --site: read only paths like this, such as /docs/*; repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="With --site: leave out paths like this; repeatable.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="For a site behind a login: a line such as 'Cookie: a=b'; repeatable.")
    ] = None,
    headers_file: Annotated[
        Path | None, typer.Option(help="The same, from a file with one header a line; - is standard input.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read files, folders, pages, whole sites or S3 buckets into a knowledge base, and wait until they can be asked."""
    addresses = [source for source in sources if source.startswith(("http://", "https://"))]
    buckets = [source for source in sources if is_s3(source)]
    paths = [Path(source) for source in sources if source not in (*addresses, *buckets)]
    headers = header_lines(header or [], headers_file, addresses)
    with opened() as engine:
        base = engine.call(engine.knowledge.find(LOCAL, knowledge_base.strip()))
        base = base or engine.call(engine.knowledge.create(LOCAL, knowledge_base))
        jobs = []
        for address in addresses:
            if site:
                scope = site_at(
                    address,
                    include=tuple(include or ()),
                    exclude=tuple(exclude or ()),
                    max_depth=max_depth,
                    max_pages=max_pages,
                    max_minutes=max_minutes,
                )
                jobs.append(engine.call(engine.ingestion.add_site(LOCAL, base.id, scope, headers)))
            else:
                jobs.append(engine.call(engine.ingestion.add_url(LOCAL, base.id, address, headers)))
        jobs += [engine.call(engine.ingestion.add_bucket(LOCAL, base.id, bucket)) for bucket in buckets]
        if paths:
            jobs.append(engine.call(engine.ingestion.add_paths(LOCAL, base.id, paths), timeout=600))
        if not engine.serving and not as_json:
            people.print("[dim]A running SiteChat owns the data directory and does the work.[/]")
        items: list[ItemRecord] = []
        for job in jobs:
            follow(engine, job, as_json)
            items += engine.call(engine.ingestion.items(LOCAL, job))
    if as_json:
        for item in items:
            print(item.model_dump_json())
    else:
        _print_items(items, base)
    raise typer.Exit(1 if any(item.state == "failed" for item in items) else 0)


def _print_items(items: list[ItemRecord], base: KnowledgeBase) -> None:
    counts: dict[str, int] = {}
    for item in items:
        counts[item.outcome or item.state] = counts.get(item.outcome or item.state, 0) + 1
        if item.state in ("skipped", "failed", "cancelled"):
            colour = "red" if item.state == "failed" else "yellow"
            results.print(f"  [{colour}]{item.state}[/]  {escape(item.name)}: {escape(item.reason)}")
    summary = " · ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    results.print(f"“{escape(base.name)}”: {summary}")
