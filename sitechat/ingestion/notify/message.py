"""What is told when a job has ended: for programs as JSON, for people as a subject and a few lines."""

from typing import Any

from sitechat.progress import ProgressRecord

SCHEMA = 1
EVENT = "job.ended"


def body_of(record: ProgressRecord, knowledge_base: str) -> dict[str, Any]:
    """What a receiver gets. Names of files, never what is in them; nothing secret is known here."""
    return {
        "schema": SCHEMA,
        "event": EVENT,
        "knowledge_base": {"id": record.knowledge_base_id, "name": knowledge_base},
        "job": record.model_dump(mode="json"),
    }


def subject_of(body: dict[str, Any]) -> str:
    name = " ".join(str(body["knowledge_base"]["name"]).split())
    return f"SiteChat: “{name}” {'could not be read' if body['job']['status'] == 'failed' else 'is ready'}"


def text_of(body: dict[str, Any]) -> str:
    job = body["job"]
    details = job.get("details") or {}
    counts = {
        "read": details.get("indexed", 0),
        "unchanged": details.get("unchanged", 0),
        "skipped": job["skipped_files"],
        "failed": job["failed_files"],
    }
    lines = [
        f"“{body['knowledge_base']['name']}”: "
        + ", ".join(f"{count:,} {name}" for name, count in counts.items())
        + ".",
        f"Begun {job['started_at'] or job['updated_at']}, ended {job['completed_at']}.",
    ]
    if job["error_message"]:
        lines.append(f"Last trouble: {job['error_message']}")
    return "\n".join([*lines, "", "Sent by SiteChat. SITECHAT_NOTIFY_EMAIL_TO says who gets these messages.", ""])
