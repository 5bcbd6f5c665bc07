"""A mail server on loopback that keeps what it is handed in ``messages``."""

import ssl
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from tests.support.app import free_port


class Mailbox:
    """``refusals``: how many messages are put off with 451 first; ``status``: refuse all for good with it.

    ``login``: user name and password that are asked for.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        refusals: int = 0,
        status: int = 0,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.messages: list[Message] = []
        self.tried = 0
        self.encrypted: list[bool] = []
        self._refusals = refusals
        self._status = status
        self._login = login
        self._controller = Controller(
            self,
            hostname=self.host,
            port=free_port(),
            server_hostname="localhost",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=login is not None,
            auth_require_tls=tls is not None,
            authenticator=self._check,
        )

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, _: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        self.tried += 1
        self.encrypted.append(session.ssl is not None)
        if self._status:
            return f"{self._status} no"
        if self.tried <= self._refusals:
            return "451 later"
        content = envelope.content
        assert isinstance(content, bytes)
        self.messages.append(message_from_bytes(content, policy=default))
        return "250 OK"

    def _check(self, _: Any, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self._login
        return AuthResult(success=right, handled=right)
