"""Who is asking. Front ends establish the caller; every service method takes one and checks it."""

from dataclasses import dataclass

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or program. ``principals`` are the names under which rows may grant access to it."""

    user_id: str
    groups: tuple[str, ...] = ()

    @property
    def principals(self) -> frozenset[str]:
        return frozenset({EVERYONE, f"user:{self.user_id}", *(f"group:{name}" for name in self.groups)})


LOCAL = Caller("local")
"""The single user of a deployment without sign-in."""
