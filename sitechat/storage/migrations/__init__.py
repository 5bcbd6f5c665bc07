"""Alembic's migrations and the one function that runs them."""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from sitechat.errors import Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent
HEAD = "0010"
"""The newest revision, so that a start on a present schema need not load Alembic; a test keeps it true."""


def alembic_config(path: Path) -> "Config":
    """Alembic's configuration for the SQLite database at ``path``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["url"] = f"sqlite:///{path}"
    return config


def upgrade(path: Path) -> None:
    """Bring the schema at ``path`` to the newest revision; does nothing when it is there already.

    Raises ``Unavailable`` for a schema that is newer than this program.
    """
    if _revision(path) != HEAD:
        from alembic import command
        from alembic.util import CommandError

        try:
            command.upgrade(alembic_config(path), HEAD)
        except CommandError as error:
            raise Unavailable(
                f"The database {path} was written by a newer SiteChat. Start that version again, or set "
                "SITECHAT_DATA_DIR to another folder."
            ) from error


def _revision(path: Path) -> str | None:
    if not path.exists():
        return None
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    return str(row[0]) if row else None
