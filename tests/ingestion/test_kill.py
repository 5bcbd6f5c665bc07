"""``kill -9`` in all stages: nothing is lost, nothing is there twice, and the end is a clean run's.

A killed process is started again until the job has ended. Then the database, both indexes and the originals must agree,
and be what a process that was left alone makes of the same files.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

from sitechat.ingestion.indexing import AT_ONCE, BATCH
from tests.servers.site import SiteServer
from tests.support.ingest_process import WATCHED
from tests.support.ingest_runs import AFTER_JOB, Aim, Run, done_twice, embedded, run
from tests.support.ingest_state import State, state_of
from tests.support.shelf import DOCUMENTS, PAGES, SMALL, SmallSite, fill_shelf, fill_small_shelf

LONGEST_RESUME = 10.0
"""Seconds from being ready to serve to being at work again."""
STAGES = tuple(stage for stage, _, _ in WATCHED)
LATE = (AFTER_JOB, "saving", "sweeping")
"""What follows a job; each process that is started begins with the last two, where it has reason to."""
COPIES = ("-dated", "-mirror")
"""How the addresses of pages end that say the same as another, or almost."""
EARLY_KILLS = 7
"""Kills of a job before it may end: an item that is claimed twenty times counts as one that kills the process."""


@dataclass
class Tally:
    """What was seen of all the kills. ``twice``: passages embedded again, one number a kill.

    ``resumes``: seconds until work went on, from being ready to serve and from the start of the process.
    """

    kills: Counter[str] = field(default_factory=Counter)
    resumes: list[tuple[float, float]] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    jobs: int = 0

    def count(self, killed: Run, after: Run | None) -> None:
        self.kills[killed.stage()] += 1
        if after is not None and (seconds := after.resumed()) is not None:
            self.resumes.append(seconds)
            assert seconds[0] <= LONGEST_RESUME

    def __str__(self) -> str:
        stages = "".join(f"\n  {count:4} while {stage}" for stage, count in self.kills.most_common())
        ready, start = (max(seconds, default=0.0) for seconds in zip(*self.resumes, strict=True))
        return (
            f"{self.kills.total()} processes were killed in {self.jobs} jobs:{stages}\n"
            f"  slowest resume {ready:.2f} s after being ready, {start:.2f} s after the start of the process\n"
            f"  most passages embedded twice after a kill: {max(self.twice, default=0)} "
            f"(of {AT_ONCE} documents at once, {BATCH} each); "
            f"after {sum(count > 0 for count in self.twice)} kills any were"
        )


class Rehearsal:
    """A source that is read over and over in two homes: once left alone, once killed on the way.

    ``turn(edition)`` changes the source for a job; ``moody`` parts of it are never twice the same.
    """

    def __init__(
        self, folder: Path, source: str, turn: Callable[[int], object], *options: str, moody: tuple[str, ...] = ()
    ) -> None:
        self._clean, self._torn = folder / "clean", folder / "torn"
        self._source, self._turn, self._options, self._moody = source, turn, options, moody
        self.tally = Tally()

    async def kill(self, times: int, stages: Sequence[str] = STAGES) -> State:
        """Kill so many processes, spread over ``stages``; returns the last state."""
        early = cycle(random.sample([s for s in stages if s not in LATE], sum(s not in LATE for s in stages)))
        edition = 0
        state: State | None = None
        while self.tally.kills.total() < times or state is None:
            edition += 1
            name = f"edition-{edition}"
            await asyncio.to_thread(self._turn, edition)
            left_alone = await run(self._clean, self._source, name, *self._options)
            assert left_alone.code == 0, left_alone.stderr
            aims = [*islice(early, EARLY_KILLS), *random.sample(LATE, len(LATE))]
            await self._kill_one_job(name, aims[: times - self.tally.kills.total()], left_alone.durations())
            state = await state_of(self._torn, name)
            self._compare(await state_of(self._clean, name), state)
            self.tally.jobs += 1
            print(f"{self.tally.kills.total()} of {times} kills, {self.tally.jobs} jobs", flush=True)
        return state

    async def _kill_one_job(self, name: str, stages: Sequence[str], longest: dict[str, float]) -> None:
        killed: list[Run] = []
        for aim in (*(_aim(stage, longest) for stage in stages), None):
            ran = await run(self._torn, self._source, name, *self._options, aim=aim)
            if not ran.killed:
                assert ran.code == 0, ran.stderr
                break
            killed.append(ran)
        for one, after in zip(killed, [*killed[1:], ran], strict=True):
            self.tally.count(one, after)
        lost = done_twice(embedded(self._torn, name), embedded(self._clean, name))
        assert lost.keys() <= {one.pid for one in killed}
        assert all(count <= AT_ONCE * BATCH for count in lost.values()), "a batch of each document at once at most"
        self.tally.twice += [lost[one.pid] for one in killed]

    def _compare(self, clean: State, torn: State) -> None:
        """Vectors of the real model may differ in the last digits: passages are batched otherwise after a kill."""
        clean, torn = clean.outside(*self._moody), torn.outside(*self._moody)
        assert replace(torn, vectors={}, late={}) == replace(clean, vectors={}, late={})
        assert torn.vectors.keys() == clean.vectors.keys()
        assert torn.late.keys() == clean.late.keys()
        if self._options:
            cosines = [
                float(np.frombuffer(torn.vectors[place], "<f4") @ np.frombuffer(clean.vectors[place], "<f4"))
                for place in clean.vectors
            ]
            assert min(cosines) > 0.9999
        else:
            assert (torn.vectors, torn.late) == (clean.vectors, clean.late)


FOLDER_STAGES = tuple(stage for stage in STAGES if stage != "crawling")


def _aim(stage: str, longest: dict[str, float]) -> Aim:
    nth = 1 if stage in LATE else random.randint(1, 2)
    return Aim(stage, nth, random.uniform(0, max(longest.get(stage, 0.0), 0.02)))


async def kill_reading_a_folder(tmp_path: Path, times: int) -> None:
    shelf = tmp_path / "shelf"
    rehearsal = Rehearsal(tmp_path, str(shelf), lambda edition: fill_shelf(shelf, 2 - edition % 2))
    state = await rehearsal.kill(times, FOLDER_STAGES)
    print(f"A folder: {rehearsal.tally}")
    assert len(state.documents) == DOCUMENTS


async def kill_reading_a_site(tmp_path: Path, times: int) -> None:
    with SiteServer(pages=50) as server:
        copies = [uri for uri in server.expected if uri.endswith(COPIES)]
        twins = [uri.rpartition("-")[0] for uri in copies]
        moody = (*server.trap_prefixes, *twins)  # of two that say almost the same, the one that is read first is kept
        rehearsal = Rehearsal(tmp_path, server.url, lambda edition: server.change(5 if edition > 1 else 0), moody=moody)
        state = await rehearsal.kill(times)
        print(f"A website: {rehearsal.tally}")
        indexed = {uri for uri, cause in server.expected.items() if cause == "indexed" and not uri.startswith(moody)}
        assert indexed <= state.documents.keys()
        assert [
            (copy in state.documents) + (twin in state.documents) for copy, twin in zip(copies, twins, strict=True)
        ] == ([1] * len(twins))
        sentences = {uri: sentence for uri, sentence in server.sentences.items() if uri not in twins}
        assert [uri for uri, sentence in sentences.items() if sentence not in state.documents[uri][1]] == []


@pytest.mark.timeout(300)
async def test_killed_readings_of_a_folder_end_like_a_clean_one(tmp_path: Path) -> None:
    await kill_reading_a_folder(tmp_path, 6)


@pytest.mark.timeout(300)
async def test_killed_readings_of_a_website_end_like_a_clean_one(tmp_path: Path) -> None:
    with SmallSite() as server:
        rehearsal = Rehearsal(tmp_path, server.url, lambda edition: setattr(server, "edition", 2 - edition % 2))
        state = await rehearsal.kill(3, ["crawling", "embedding", "vector_storage"])
        print(f"A few pages: {rehearsal.tally}")
        assert len(state.documents) == PAGES


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
async def test_150_kills_while_a_folder_is_read(tmp_path: Path) -> None:
    await kill_reading_a_folder(tmp_path, 150)


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
async def test_40_kills_while_a_website_is_read(tmp_path: Path) -> None:
    await kill_reading_a_site(tmp_path, 40)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_10_kills_with_the_real_search_model(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    rehearsal = Rehearsal(tmp_path, str(shelf), lambda edition: fill_small_shelf(shelf, edition), "--real")
    state = await rehearsal.kill(10, ("embedding", *FOLDER_STAGES))
    print(f"A folder, with the real search model: {rehearsal.tally}")
    assert len(state.documents) == SMALL
