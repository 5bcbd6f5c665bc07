"""Our own routes: health that tells, sources that are text, originals that are what was read."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sitechat.api.routes import routes
from sitechat.identity import LOCAL
from sitechat.ingestion.uploads import Upload
from sitechat.runtime import Runtime

NASTY = '<script>alert("x")</script> & more.\n\nThe second paragraph is quoted.'


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    return TestClient(Starlette(routes=routes(lambda: runtime)), base_url="http://localhost")


def stored(runtime: Runtime, name: str, data: bytes) -> str:
    """Read a file into a knowledge base; the document's id."""
    base = runtime.call(runtime.knowledge.create(LOCAL, name))
    job = runtime.call(runtime.ingestion.add_uploads(LOCAL, base.id, [Upload(name, data)]))
    record = runtime.call(runtime.ingestion.job(LOCAL, job))
    while record.status in ("pending", "in_progress"):
        waiting = runtime.ingestion.wait_for_change(LOCAL, job, record, timeout=5)
        record = runtime.call(waiting, timeout=60)
    (document,) = runtime.call(runtime.knowledge.documents(LOCAL, base.id))
    return document.id


def test_health_says_alive_and_names_each_part(client: TestClient, runtime: Runtime) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    runtime.call(runtime.indexes.ready(), timeout=120)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert set(answer.json()["parts"]) == {"database", "index", "provider"}


def test_a_source_shows_its_text_with_the_quote_marked_and_nothing_of_it_is_markup(
    client: TestClient, runtime: Runtime
) -> None:
    document_id = stored(runtime, "nasty.txt", NASTY.encode())
    text = runtime.call(runtime.knowledge.text(LOCAL, document_id))
    start = text.index("The second")
    page = client.get(f"/source/{document_id}?start={start}&end={len(text)}")
    assert '<mark id="quote">The second paragraph is quoted.</mark>' in page.text
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for odd in ("?start=-4&end=zwei", "?start=99999999999999999999&end=1", "?start=٣&end=٤", ""):
        assert client.get(f"/source/{document_id}{odd}").status_code == 200


def test_an_original_is_downloaded_unless_it_is_a_pdf(client: TestClient, runtime: Runtime) -> None:
    document_id = stored(runtime, "nasty.html", b"<h1>Title</h1><p>Some words that are read.</p>")
    answer = client.get(f"/source/{document_id}/file")
    assert answer.content == b"<h1>Title</h1><p>Some words that are read.</p>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_not_there_is_404_also_under_a_prefix(runtime: Runtime) -> None:
    client = TestClient(Starlette(routes=routes(lambda: runtime, "/chat/")), base_url="http://localhost")
    assert client.get("/chat/healthz").status_code == 200
    assert client.get("/chat/api/turnz").json()["code"] == "NOT_FOUND"
    assert client.get("/chat/source/nothing").status_code == 404
    assert client.get("/chat/source/nothing/file").status_code == 404


def test_the_stored_original_lies_in_the_data_directory(runtime: Runtime) -> None:
    document_id = stored(runtime, "../../escape.txt", b"Words in a file with a daring name.")
    document = runtime.call(runtime.knowledge.document(LOCAL, document_id))
    path = runtime.knowledge.blob_path(document)
    assert path.resolve().is_relative_to(Path(runtime.settings.data_dir).resolve())
