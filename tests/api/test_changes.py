"""The bell of a page: it rings for who knows a session's token, when there is something that was not drawn yet."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from sitechat.api.changes import RING, UNKNOWN, Doorbell, doorbells
from sitechat.api.routes import routes
from sitechat.identity import LOCAL
from sitechat.ingestion.uploads import Upload
from sitechat.runtime import Runtime

ADDRESS = "/chat/api/ws/changes"


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    return TestClient(Starlette(routes=routes(lambda: runtime, "chat")), base_url="http://localhost")


def test_it_rings_when_a_job_begins_and_again_after_the_page_has_looked(client: TestClient, runtime: Runtime) -> None:
    base = runtime.call(runtime.knowledge.create(LOCAL, "Papers"))
    bell = doorbells.make(LOCAL)
    bell.every_change = True
    seen = runtime.call(runtime.ingestion.activity.now(LOCAL))
    bell.drawn(seen.version, seen.endings)
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_text(bell.token)
        runtime.call(runtime.ingestion.add_uploads(LOCAL, base.id, [Upload("a.md", b"# A\n\nText.")]))
        seen = runtime.call(runtime.ingestion.activity.now(LOCAL))
        while not any(job.status == "completed" for job in seen.jobs):
            assert socket.receive_text() == RING
            seen = runtime.call(runtime.ingestion.activity.now(LOCAL))
            bell.drawn(seen.version, seen.endings)


@contextmanager
def rung_by_an_ending(client: TestClient, runtime: Runtime) -> Iterator[tuple[Doorbell, WebSocketTestSession]]:
    """A page that shows no progress, just rung for a job that has ended."""
    base = runtime.call(runtime.knowledge.create(LOCAL, "Papers"))
    bell = doorbells.make(LOCAL)
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_text(bell.token)
        runtime.call(runtime.ingestion.add_uploads(LOCAL, base.id, [Upload("a.mp4", b"?")]))
        assert socket.receive_text() == RING
        yield bell, socket


def test_a_page_without_progress_hears_of_ends_only(client: TestClient, runtime: Runtime) -> None:
    with rung_by_an_ending(client, runtime):
        seen = runtime.call(runtime.ingestion.activity.now(LOCAL))
        assert [job.status for job in seen.jobs] == ["completed"]


def test_a_page_that_could_not_draw_is_rung_once_more_though_nothing_changes(
    client: TestClient, runtime: Runtime
) -> None:
    with rung_by_an_ending(client, runtime) as (bell, socket):
        bell.again()
        assert socket.receive_text() == RING
        assert not bell.missed


@pytest.mark.parametrize("token", ["", "guessed"])
def test_an_unknown_token_is_turned_away(client: TestClient, token: str) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_text(token)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == UNKNOWN


def test_a_session_that_is_gone_takes_its_bell_along() -> None:
    bell = doorbells.make(LOCAL)
    token = bell.token
    assert doorbells.find(token) is bell
    del bell
    gc.collect()
    assert doorbells.find(token) is None


def test_closed_pages_leave_no_task_behind(client: TestClient, runtime: Runtime) -> None:
    for _ in range(5):
        bell = doorbells.make(LOCAL)
        with client.websocket_connect(ADDRESS) as socket:
            socket.send_text(bell.token)
            assert _reaches(runtime, 1)
    assert _reaches(runtime, 0)


def _reaches(runtime: Runtime, watchers: int) -> bool:
    for _ in range(200):
        if runtime.call(_watchers()) == watchers:
            return True
        time.sleep(0.05)
    return False


async def _watchers() -> int:
    return sum("changed" in repr(task.get_coro()) for task in asyncio.all_tasks())
