"""Alembic's migrations and the one function that runs them."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

HERE = Path(__file__).parent


def alembic_config(path: Path) -> Config:
    """Alembic's configuration for the SQLite database at ``path``."""
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["url"] = f"sqlite:///{path}"
    return config


def upgrade(path: Path) -> None:
    """Bring the schema at ``path`` to the newest revision; does nothing when it is there already."""
    config = alembic_config(path)
    if _revision(path) != ScriptDirectory.from_config(config).get_current_head():
        command.upgrade(config, "head")


def _revision(path: Path) -> str | None:
    if not path.exists():
        return None
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    return str(row[0]) if row else None
