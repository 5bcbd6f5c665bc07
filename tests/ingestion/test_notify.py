"""Ends of jobs are told once by webhook and e-mail, whatever the receiver does, and never hold up the reading."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr, TypeAdapter
from sqlalchemy import select, update

from sitechat.identity import LOCAL
from sitechat.ingestion.notify.email import Email, MailServer
from sitechat.ingestion.notify.message import body_of
from sitechat.ingestion.notify.outbox import NotTaken
from sitechat.ingestion.notify.webhook import ID_HEADER, SIGNATURE_HEADER
from sitechat.ingestion.uploads import Upload
from sitechat.progress import ProgressRecord
from sitechat.settings import Settings
from sitechat.storage.notices import Notice
from sitechat.storage.tables import NoticeRow, now
from tests.servers.mailbox import Mailbox
from tests.servers.receiver import Receiver
from tests.support.certificates import certified
from tests.support.library import Library, open_library

SECRET = "a-shared-secret"


def settings(folder: Path, **chosen: object) -> Settings:
    values: Mapping[str, object] = {"allow_networks": "127.0.0.0/8", "sample": False, **chosen}
    return Settings(_env_file=None, data_dir=folder / "data", **values)  # type: ignore[arg-type]


def to(receiver: Receiver, folder: Path, **chosen: object) -> Settings:
    url = TypeAdapter(HttpUrl).validate_python(receiver.url)
    return settings(folder, notify_webhook=url, notify_webhook_secret=SecretStr(SECRET), **chosen)


async def read(library: Library, name: str = "a.md", data: bytes = b"# A\n\nText.") -> ProgressRecord:
    base = await library.base()
    return await library.ended(await library.ingestion.add_uploads(LOCAL, base.id, [Upload(name, data)]))


async def notices(library: Library) -> list[tuple[str, str, int]]:
    async with library.db.read() as session:
        rows = (await session.execute(select(NoticeRow).order_by(NoticeRow.channel))).scalars()
        return [(row.channel, row.state, row.attempts) for row in rows]


async def until(library: Library, *expected: tuple[str, str, int]) -> None:
    """Wait until the journal of notices says this."""
    for _ in range(400):
        if (found := await notices(library)) == list(expected):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_a_webhook_gets_the_record_signed_and_under_an_id(tmp_path: Path) -> None:
    with Receiver() as receiver:
        async with open_library(tmp_path, settings=to(receiver, tmp_path)) as library:
            record = await read(library)
            await until(library, ("webhook", "sent", 1))
        (arrived,) = receiver.arrived
    body = json.loads(arrived.body)
    expected = hmac.new(SECRET.encode(), arrived.body, hashlib.sha256).hexdigest()
    assert arrived.headers[SIGNATURE_HEADER] == f"sha256={expected}"
    assert arrived.headers[ID_HEADER] == body["id"]
    assert body["event"] == "job.ended"
    assert body["knowledge_base"]["name"] == "Papers"
    assert ProgressRecord.model_validate(body["job"]).model_dump(exclude={"waiting_for"}) == record.model_dump(
        exclude={"waiting_for"}
    )
    assert SECRET not in arrived.body.decode()


async def test_a_receiver_in_trouble_is_asked_again_under_the_same_id(tmp_path: Path) -> None:
    with Receiver(answers=[503, 429, 200]) as receiver:
        async with open_library(tmp_path, settings=to(receiver, tmp_path)) as library:
            await read(library)
            await until(library, ("webhook", "sent", 3))
        assert len({arrived.headers[ID_HEADER] for arrived in receiver.arrived}) == 1
        assert len({arrived.body for arrived in receiver.arrived}) == 1


@pytest.mark.parametrize("answer", [400, 404, 302])
async def test_a_refusal_is_final_and_a_redirect_is_not_followed(tmp_path: Path, answer: int) -> None:
    with Receiver(answers=[answer]) as receiver:
        async with open_library(tmp_path, settings=to(receiver, tmp_path)) as library:
            await read(library)
            await until(library, ("webhook", "given_up", 1))
        assert len(receiver.arrived) == 1


async def test_a_receiver_that_hangs_does_not_slow_the_reading_and_a_restart_tells_what_is_left(tmp_path: Path) -> None:
    with Receiver(answers=[0, 200]) as receiver:
        chosen = to(receiver, tmp_path)
        async with open_library(tmp_path, settings=chosen) as library:
            await read(library)
            async with asyncio.timeout(10):
                assert (await read(library, "b.md")).status == "completed"
            assert not any(state == "sent" for _, state, _ in await notices(library))
        async with open_library(tmp_path, settings=chosen) as library:
            await until(library, ("webhook", "sent", 1), ("webhook", "sent", 1))
        async with open_library(tmp_path, settings=chosen) as library:
            await read(library, "c.md")
            await until(library, *[("webhook", "sent", 1)] * 3)
        ids = [arrived.headers[ID_HEADER] for arrived in receiver.arrived]
    assert len(set(ids)) == 3
    assert len(ids) == 4, "the one that hung was sent twice, under the same id"


async def test_an_address_inside_is_refused_without_the_operator_s_word(tmp_path: Path) -> None:
    with Receiver() as receiver:
        async with open_library(tmp_path, settings=to(receiver, tmp_path, allow_networks="")) as library:
            await read(library)
            await until(library, ("webhook", "given_up", 1))
        assert receiver.arrived == []


async def test_nothing_old_is_told_when_a_channel_is_set_up_later(tmp_path: Path) -> None:
    async with open_library(tmp_path) as library:
        await read(library)
    with Receiver() as receiver:
        async with open_library(tmp_path, settings=to(receiver, tmp_path)) as library:
            await read(library, "b.md")
            await until(library, ("webhook", "sent", 1))
        assert len(receiver.arrived) == 1


async def test_a_cancelled_job_is_not_told_and_one_of_unread_files_is(tmp_path: Path) -> None:
    with Receiver() as receiver:
        async with open_library(tmp_path, settings=to(receiver, tmp_path)) as library:
            library.embedder.gate.clear()
            base = await library.base()
            job = await library.ingestion.add_uploads(LOCAL, base.id, [Upload("a.md", b"# A\n\nText.")])
            await library.ingestion.cancel(LOCAL, job)
            library.embedder.gate.set()
            await read(library, "film.mp4", b"?")
            await until(library, ("webhook", "sent", 1))
        assert json.loads(receiver.arrived[0].body)["job"]["skipped_files"] == 1


async def test_an_old_notice_is_forgotten(tmp_path: Path) -> None:
    with Receiver() as receiver:
        chosen = to(receiver, tmp_path)
        async with open_library(tmp_path, settings=chosen) as library:
            await read(library)
            await until(library, ("webhook", "sent", 1))
            async with library.db.write() as session:
                await session.execute(update(NoticeRow).values(ended_at=now() - timedelta(days=31)))
        async with open_library(tmp_path, settings=chosen) as library:
            await until(library)


# E-mail


async def test_an_e_mail_is_sent_with_the_counts_once_the_server_takes_it(tmp_path: Path) -> None:
    with Mailbox(refusals=1) as box:
        chosen = settings(
            tmp_path,
            notify_email_to="ann@example.org, bob@example.org",
            notify_smtp_host=box.host,
            notify_smtp_port=box.port,
            notify_smtp_security="none",
        )
        async with open_library(tmp_path, settings=chosen) as library:
            await read(library)
            await until(library, ("email", "sent", 2))
    (message,) = box.messages
    assert message["Subject"] == "SiteChat: “Papers” is ready"
    assert message["To"] == "ann@example.org, bob@example.org"
    assert message["From"] == "ann@example.org"
    text = message.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert "1 read, 0 unchanged, 0 skipped, 0 failed." in text.decode()


def notice() -> Notice:
    record = ProgressRecord(
        id="j", knowledge_base_id="b", kind="files", stage="failed", status="failed", updated_at=now(), failed_files=1
    )
    return Notice("0123", "email", body_of(record, "Line\r\nBcc: everybody@example.org"), 0, now())


async def test_the_password_goes_over_tls_only_and_a_name_breaks_out_of_no_header(tmp_path: Path) -> None:
    server_tls, client_tls = certified("localhost", tmp_path)
    with Mailbox(login=("me", "pass"), tls=server_tls) as box:
        server = MailServer("localhost", box.port, "starttls", "me", "pass", client_tls)
        await Email(server, "me@example.org", ["ann@example.org"]).send(notice())
    assert box.encrypted == [True]
    (message,) = box.messages
    assert message["Subject"] == "SiteChat: “Line Bcc: everybody@example.org” could not be read"
    assert message["Bcc"] is None


@pytest.mark.parametrize(("status", "passing"), [(451, True), (550, False)])
async def test_a_mail_server_that_refuses_says_whether_to_come_back(status: int, passing: bool) -> None:
    with Mailbox(status=status) as box, pytest.raises(NotTaken) as refused:
        await Email(MailServer(box.host, box.port, "none"), "a@example.org", ["b@example.org"]).send(notice())
    assert refused.value.passing is passing


async def test_a_server_without_the_security_that_is_asked_for_gets_nothing(tmp_path: Path) -> None:
    with Mailbox() as box:
        server = MailServer(box.host, box.port, "starttls", "me", "pass")
        with pytest.raises(NotTaken) as refused:
            await Email(server, "a@example.org", ["b@example.org"]).send(notice())
    assert (refused.value.passing, box.tried) == (False, 0)


async def test_a_wrong_password_and_a_server_that_is_not_there_are_told_apart(tmp_path: Path) -> None:
    server_tls, client_tls = certified("localhost", tmp_path)
    with Mailbox(login=("me", "pass"), tls=server_tls) as box:
        port = box.port
        server = MailServer("localhost", port, "starttls", "me", "wrong", client_tls)
        with pytest.raises(NotTaken) as refused:
            await Email(server, "a@example.org", ["b@example.org"]).send(notice())
        assert not refused.value.passing
        assert "wrong" not in refused.value.message
    with pytest.raises(NotTaken) as gone:
        await Email(MailServer("127.0.0.1", port, "none"), "a@example.org", ["b@example.org"]).send(notice())
    assert gone.value.passing
