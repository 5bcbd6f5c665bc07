"""A job's end as a signed POST, through the one door to the network."""

import hashlib
import hmac
import json

from sitechat.ingestion.fetch import Fetcher
from sitechat.ingestion.notify.outbox import NotTaken
from sitechat.storage.notices import Notice

ID_HEADER = "SiteChat-Notice-Id"
SIGNATURE_HEADER = "SiteChat-Signature"
_MAY_PASS = frozenset({408, 425, 429})


class Webhook:
    """Posts to ``url``. With a ``secret`` the body is signed: ``sha256=`` and the hex of its HMAC-SHA256."""

    def __init__(self, fetcher: Fetcher, url: str, secret: str | None) -> None:
        self._fetcher = fetcher
        self._url = url
        self._secret = secret

    async def send(self, notice: Notice) -> None:
        """Raises ``NotTaken`` where the receiver refuses, and what the door raises."""
        body = json.dumps(notice.body | {"id": notice.id}, ensure_ascii=False, sort_keys=True).encode()
        headers = {"Content-Type": "application/json", ID_HEADER: notice.id}
        if self._secret:
            headers[SIGNATURE_HEADER] = signature(self._secret, body)
        status = await self._fetcher.post(self._url, body, headers)
        if not 200 <= status < 300:
            raise NotTaken(f"The receiver answered {status}.", passing=status >= 500 or status in _MAY_PASS)


def signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
