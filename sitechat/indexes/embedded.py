"""What the search model sees of a passage."""

from collections.abc import Sequence

_LONGEST_CONTEXT = 160
"""Characters that title and headings may take from a passage."""


def embedding_text(title: str, heading_path: Sequence[str], text: str) -> str:
    """What is embedded of a passage: ``title. heading. text``; headings that only repeat the title are left out."""
    context: list[str] = []
    for part in (" ".join(raw.split()).rstrip(".:") for raw in (title, *heading_path)):
        if part and part.casefold() not in (known.casefold() for known in context):
            context.append(part)
    while len(context) > 2 and sum(map(len, context)) > _LONGEST_CONTEXT:
        del context[1]
    return ". ".join([part[:_LONGEST_CONTEXT] for part in context] + [text])
