"""``python -m tests.support.claiming_process DATABASE SECONDS``: claims items until none is left, printing each name.

Claims are leases of SECONDS. With a third argument it claims one item only, and then does nothing until it is killed.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from sitechat.storage.engine import Database
from sitechat.storage.leases import LeaseStore


async def main(path: Path, lease: timedelta, *, hang: bool) -> None:
    db = await Database.open(path)
    leases = LeaseStore(db)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    while (claim := await leases.claim(lease)) is not None:
        print(claim.name, flush=True)
        if hang:
            await asyncio.sleep(3600)
        await leases.complete(claim, "indexed", "document", 1)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), timedelta(seconds=float(sys.argv[2])), hang=len(sys.argv) > 3))
