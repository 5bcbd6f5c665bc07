"""Writes ``.env.example`` and the table of ``docs/settings.md`` from ``Settings``, where they are decided.

``python scripts/settings_reference.py`` writes, ``--check`` says whether there is something to write.
"""

import sys
import textwrap
from pathlib import Path

from pydantic import AliasChoices
from pydantic_core import PydanticUndefined

from sitechat.settings import Settings, variable_name

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- settings: written by make fmt -->\n", "<!-- end -->\n"
_HEAD = """\
# SiteChat's settings. Copy this file to `.env` and uncomment what you change; a variable of the environment wins.
# Written from sitechat/settings.py by `make fmt`.
"""


def env_example() -> str:
    """Every variable, commented out, with what it is for and its default."""
    blocks = [
        f"{textwrap.fill(info.description or '', 118, initial_indent='# ', subsequent_indent='# ')}\n"
        f"# {variable_name(name)}={_default(name)}\n"
        for name, info in Settings.model_fields.items()
    ]
    return "\n".join([_HEAD, *blocks])


def table() -> str:
    """The same as a Markdown table."""
    rows = [
        f"| {_names(name)} | {_code(_default(name))} | {_escaped(info.description or '')} |\n"
        for name, info in Settings.model_fields.items()
    ]
    return "| Variable | Default | What it sets |\n| --- | --- | --- |\n" + "".join(rows)


def written(document: str) -> str:
    """``document`` with its table replaced."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + table() + "\n" + END + after


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    if value is None or value is PydanticUndefined:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _names(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    names = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [variable_name(name)]
    return " or ".join(f"`{each}`" for each in names)


def _escaped(text: str) -> str:
    """So that ``<model>`` is not taken for HTML."""
    return text.replace("<", "\\<")


def _code(text: str) -> str:
    return f"`{text}`" if text else "unset"


def main() -> int:
    files = {ROOT / ".env.example": env_example()}
    reference = ROOT / "docs" / "settings.md"
    files[reference] = written(reference.read_text(encoding="utf-8"))
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" not in sys.argv:
        for path in stale:
            path.write_text(files[path], encoding="utf-8")
        return 0
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not in step with sitechat/settings.py; run `make fmt`.")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
