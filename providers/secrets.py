"""Keeps keys out of messages."""

import re

_SHOWN = 4
_LONG_ENOUGH = 12
_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|gsk|xai|key|AKIA|ASIA|eyJ)[-_A-Za-z0-9.]{8,}|\b(?=\w*\d)[A-Za-z0-9_\-/+=]{28,}")


def ending(secret: str | None) -> str:
    """`` (ends in …x4Kd)``, or nothing when four characters would give too much of it away."""
    if not secret or len(secret) < _LONG_ENOUGH:
        return ""
    return f" (ends in …{secret[-_SHOWN:]})"


def mask(text: str, *secrets: str | None) -> str:
    """``text`` on one line without the secrets, pieces of them, or anything else that looks like a key."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
        for start in range(0, max(0, len(secret) - 8 + 1)):
            text = text.replace(secret[start : start + 8], "…")
    return " ".join(_KEY_LIKE.sub("…", text).split())
