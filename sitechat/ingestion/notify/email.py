"""A job's end as an e-mail, by the operator's mail server."""

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from sitechat.ingestion.notify.message import subject_of, text_of
from sitechat.ingestion.notify.outbox import NotTaken
from sitechat.ingestion.notify.webhook import ID_HEADER
from sitechat.storage.notices import Notice

SECONDS = 10.0
"""For each step of the talk with the mail server."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """``security``: starttls, tls, or none, which sends the password in the clear."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None


class Email:
    """One message to all of ``recipients``."""

    def __init__(self, server: MailServer, sender: str, recipients: Sequence[str]) -> None:
        self._server = server
        self._sender = sender
        self._recipients = list(recipients)

    async def send(self, notice: Notice) -> None:
        """Raises ``NotTaken``. A stuck mail server holds up a thread, never the loop."""
        await asyncio.to_thread(self._deliver, self._message(notice))

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = subject_of(notice.body)
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = format_datetime(notice.created_at)
        message["Message-ID"] = f"<{notice.id}@sitechat.invalid>"
        message[ID_HEADER] = notice.id
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text_of(notice.body))
        return message

    def _deliver(self, message: EmailMessage) -> None:
        server = self._server
        tls = server.tls or ssl.create_default_context()
        try:
            with self._connection(tls) as talk:
                if server.security == "starttls":
                    talk.starttls(context=tls)
                if server.username:
                    talk.login(server.username, server.password or "")
                talk.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise NotTaken("The mail server refused the recipients.", passing=max(codes) < 500) from None
        except smtplib.SMTPResponseException as error:
            raise NotTaken(f"The mail server answered {error.smtp_code}.", passing=error.smtp_code < 500) from None
        except ssl.SSLError:
            raise NotTaken("The mail server's certificate cannot be trusted.", passing=False) from None
        except smtplib.SMTPNotSupportedError:
            raise NotTaken("The mail server does not offer what the settings ask for.", passing=False) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotTaken(f"The mail server cannot be reached ({type(error).__name__}).", passing=True) from None

    def _connection(self, tls: ssl.SSLContext) -> smtplib.SMTP:
        """Greets with the sender's domain: the name of this machine would have to be looked up, and is nobody's."""
        server, domain = self._server, self._sender.rpartition("@")[2]
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, domain, timeout=SECONDS, context=tls)
        return smtplib.SMTP(server.host, server.port, domain, timeout=SECONDS)
