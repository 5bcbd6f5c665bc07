"""What can be composed from the documents: a TOML file beside this one for each kind of text.

A file says how its kind is asked for, what the language model is told, how long the text may be and how many passages
it is made from; and what stands in its place where no language model writes.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from providers.base import Quotes
from sitechat.errors import SettingsError

_FOLDER = Path(__file__).parent


class Template(BaseModel):
    """A kind of text. ``nouns``: what people call it, with spaces where a hyphen or nothing may stand as well.

    ``words`` is its usual length; ``passages``, how many it is made from at least. ``quotes`` stands in its place where
    no language model writes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z_]+$")
    nouns: tuple[str, ...] = Field(min_length=1)
    instruction: str = Field(min_length=1)
    structure: tuple[str, ...] = Field(min_length=1)
    words: int = Field(ge=20, le=5000)
    passages: int = Field(ge=1, le=50)
    quotes: Quotes


@cache
def templates() -> Mapping[str, Template]:
    """All templates by name."""
    return load(_FOLDER)


def load(folder: Path) -> Mapping[str, Template]:
    """The templates in a folder. Raises ``SettingsError`` that names the file and what is wrong in it."""
    found: dict[str, Template] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            row = tomllib.loads(path.read_text(encoding="utf-8"))
            found[path.stem] = Template(name=path.stem, **row)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError, TypeError) as error:
            raise SettingsError(f"The template {path.name} cannot be used: {error}") from error
    return found
