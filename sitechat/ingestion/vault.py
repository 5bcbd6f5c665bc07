"""Keeps logins so that a copy of the database alone does not give them away.

They are encrypted with a key from the setting, or else from a file in the data directory that is made when the first
login is stored. Neither keys nor what they open ever stand in a message or a log.
"""

import json
import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sitechat.errors import SiteChatError
from sitechat.ingestion.login import Login
from sitechat.ingestion.urls import WebAddress

KEY_FILE = "secret.key"
_LOST = (
    "The login that was stored for this site cannot be read any more: the key that it was encrypted with is gone. "
    "Add the site again with its login."
)


class LoginLost(SiteChatError):
    """A stored login was encrypted with a key that is not there any more."""

    code = "UNAVAILABLE"


class Vault:
    """``keys`` are Fernet keys separated by commas, the newest first: it encrypts, all of them decrypt.

    Without any, the key is the file ``secret.key`` in ``folder``, which only its owner may read.
    """

    def __init__(self, folder: Path, keys: str = "") -> None:
        self._place = folder / KEY_FILE
        self._keys = tuple(key.strip() for key in keys.split(",") if key.strip())

    def seal(self, login: Login) -> str:
        """The login as it is stored. Blocks while the key's file is made."""
        written = json.dumps({"origin": login.origin, "headers": login.headers})
        return self._cipher(make=True).encrypt(written.encode()).decode("ascii")

    def open(self, sealed: str, start: WebAddress) -> Login | None:
        """The login for the site that begins at ``start``; None where none was given.

        Raises :class:`LoginLost` where the key is gone, or the login was stored for another site.
        """
        if not sealed:
            return None
        try:
            found = json.loads(self._cipher(make=False).decrypt(sealed.encode("ascii")))
        except (InvalidToken, ValueError, FileNotFoundError):  # another key, no key, a damaged one
            raise LoginLost(_LOST) from None
        login = Login(found["origin"], tuple((name, value) for name, value in found["headers"]))
        if not login.is_for(start):
            raise LoginLost(_LOST)
        return login

    def _cipher(self, *, make: bool) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self._keys or (self._from_file(make=make),)])

    def _from_file(self, *, make: bool) -> str:
        if make:
            _make_once(self._place)
        return self._place.read_text(encoding="ascii").strip()


def _make_once(place: Path) -> None:
    """Write a new key where there is none: whole, on the disk, and readable for its owner only from the beginning."""
    if place.exists():
        return
    descriptor, name = tempfile.mkstemp(prefix=f"{place.name}.", dir=place.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(name, place)  # unlike a rename, this never replaces the key of another process
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
