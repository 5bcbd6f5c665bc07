"""Whether the search model serves."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SearchState:
    """What the page says of the search model; ``message`` is for a person."""

    name: Literal["loading", "ready", "failed"]
    message: str = ""
