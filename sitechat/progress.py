"""The progress record of an ingestion: one shape for page, CLI and API (schema version 1)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Stage = Literal["file_processing", "text_extraction", "embedding", "vector_storage", "complete", "failed"]
JobState = Literal["pending", "in_progress", "paused", "completed", "failed", "cancelled"]
ItemState = Literal["pending", "in_progress", "completed", "skipped", "failed", "cancelled"]


class ProgressRecord(BaseModel):
    """A query over a job's items. Counts are counted, rates measured; ``eta_*`` are seconds, None while unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    knowledge_base_id: str
    kind: str
    source_id: str | None = None
    stage: Stage
    status: JobState
    current_file: str | None = None
    current_file_index: int = 0
    total_files: int = 0
    current_batch: int = 0
    total_batches: int = 0
    current_chunk: int = 0
    total_chunks: int = 0
    processed_files: int = 0
    failed_files: int = 0
    skipped_files: int = 0
    progress_percentage: float = 0.0
    rate_per_second: float | None = None
    eta_seconds: float | None = None
    eta_low: float | None = None
    eta_high: float | None = None
    queued_behind: int = 0
    waiting_for: str | None = None
    stalled: bool = False
    details: dict[str, JsonValue] = {}
    error_message: str | None = None
    started_at: datetime | None = None
    updated_at: datetime
    completed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the job has not ended: it waits, is in work or paused."""
        return self.status in ("pending", "in_progress", "paused")

    @property
    def ready_files(self) -> int:
        """Files that are documents now; those processed but for archives and sitemaps, which only lead to others."""
        return sum(int(str(self.details.get(outcome, 0))) for outcome in ("indexed", "unchanged"))


class ItemRecord(BaseModel):
    """One file or URL of a job and where it stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    job_id: str
    name: str
    uri: str
    state: ItemState
    stage: Stage
    outcome: str | None = None
    reason: str = ""
    cause: str = ""
    change: str = ""
    attempts: int = 0
    chunks_done: int = 0
    chunks_total: int = 0
    document_id: str | None = None
    retryable: bool = False
    updated_at: datetime
