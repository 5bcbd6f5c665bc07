"""``python -m tests.support.ingest_process HOME FOLDER NAME``: ingests FOLDER once, surviving its own death.

The job is added if no earlier process was told that it had been; NAME tells runs apart. Prints ``acknowledged`` when
the journal has it, ``working`` when work goes on, and ends with 0 when the job has ended.
"""

import asyncio
import sys
from pathlib import Path

from sitechat.identity import LOCAL
from tests.support.embedder import HashEmbedder
from tests.support.library import Library, open_library


async def main(home: Path, folder: Path, name: str) -> None:
    async with open_library(home, embedder=HashEmbedder(seconds=0.05)) as library:
        told = home / f"{name}.job"
        job = told.read_text() if told.exists() else await add(library, folder, told)
        print("working", flush=True)
        record = await library.ended(job)
        assert record.status == "completed", record


async def add(library: Library, folder: Path, told: Path) -> str:
    base = await library.base()
    job = await library.ingestion.add_paths(LOCAL, base.id, [folder])
    await asyncio.to_thread(told.write_text, job)
    print("acknowledged", flush=True)
    return job


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
