"""The schema: every table, a file for each family. Times are UTC; ids are random strings unless an index
needs integers.

Rows that a person owns carry ``owner_id``; rows that others may read carry ``access``, a list of principals
(``user:…``, ``group:…``, ``everyone``). Chunk and vector ids are never reused, since indexes outside the database
refer to them. ``changes`` is the sequence that those indexes follow.
"""

from sitechat.storage.tables.answers import CachedAnswerRow
from sitechat.storage.tables.base import Base, UtcDateTime, new_id, now
from sitechat.storage.tables.cases import CaseRow
from sitechat.storage.tables.conversations import (
    CitationRow,
    ConversationRow,
    FeedbackRow,
    MessageRow,
    TraceRow,
    TurnRow,
)
from sitechat.storage.tables.ingestion import (
    ItemRow,
    JobRow,
    NoticeRow,
    SourceRow,
    StagedVectorRow,
)
from sitechat.storage.tables.knowledge import (
    ChangeRow,
    ChunkRow,
    DocumentRow,
    GenerationRow,
    KnowledgeBaseRow,
    LateVectorRow,
    VectorRow,
)

__all__ = [
    "Base",
    "CachedAnswerRow",
    "CaseRow",
    "ChangeRow",
    "ChunkRow",
    "CitationRow",
    "ConversationRow",
    "DocumentRow",
    "FeedbackRow",
    "GenerationRow",
    "ItemRow",
    "JobRow",
    "KnowledgeBaseRow",
    "LateVectorRow",
    "MessageRow",
    "NoticeRow",
    "SourceRow",
    "StagedVectorRow",
    "TraceRow",
    "TurnRow",
    "UtcDateTime",
    "VectorRow",
    "new_id",
    "now",
]
