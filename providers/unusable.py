"""A model that was chosen but cannot be used as things are: every question to it fails with the reason."""

from collections.abc import AsyncGenerator

from providers.base import Capabilities, Delta, Request
from providers.errors import ProviderError


class Unusable:
    """A :class:`~providers.base.Provider` that raises ``error`` whatever it is asked."""

    def __init__(self, spec: str, error: ProviderError) -> None:
        self._name, _, self._model = spec.partition("/")
        self._error = error

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        return self._model or self._name

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(8192, 4096)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:  # noqa: ARG002  the Protocol's name
        nothing: tuple[Delta, ...] = ()
        for delta in nothing:
            yield delta
        raise self._error

    async def check(self) -> str:
        raise self._error

    async def close(self) -> None:
        """Nothing is open."""
