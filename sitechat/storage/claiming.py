"""Which items are claimed or ended next, as statements that are built once, since they are needed for every file."""

from sqlalchemy import ColumnElement, ScalarSelect, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import aliased

from sitechat.storage.tables import ItemRow, JobRow, UtcDateTime


def _first(condition: ColumnElement[bool]) -> ScalarSelect[str]:
    """The first item that fulfils ``condition``. No two of one source are in work at once: they would overtake."""
    twin = aliased(ItemRow)
    in_work = select(twin.id).where(
        twin.knowledge_base_id == ItemRow.knowledge_base_id,
        twin.uri == ItemRow.uri,
        twin.state == "in_progress",
        twin.lease_until >= _AT,
    )
    claimable = and_(condition, ~in_work.correlate(ItemRow).exists())
    job = (
        select(JobRow.id)
        .where(
            JobRow.state.in_(("pending", "in_progress")),
            select(ItemRow.id).where(ItemRow.job_id == JobRow.id, claimable).correlate(JobRow).exists(),
        )
        .order_by(JobRow.created_at, JobRow.id)
        .limit(1)
        .scalar_subquery()
    )
    item = select(ItemRow.id).where(ItemRow.job_id == job, claimable).order_by(ItemRow.attempts, ItemRow.ordinal)
    return item.limit(1).scalar_subquery()


_AT = bindparam("at", type_=UtcDateTime())
_waiting = and_(ItemRow.state == "pending", or_(ItemRow.not_before.is_(None), ItemRow.not_before <= _AT))
_expired = and_(ItemRow.state == "in_progress", ItemRow.lease_until < _AT)
_next_item = select(func.coalesce(_first(_expired), _first(_waiting))).scalar_subquery()
NEXT = select(_next_item)
TAKE = (
    update(ItemRow)
    .where(ItemRow.id == _next_item)
    .values(
        state="in_progress",
        stage="file_processing",
        reason="",
        not_before=None,
        attempts=ItemRow.attempts + 1,
        lease_owner=bindparam("token"),
        lease_until=bindparam("until", type_=UtcDateTime()),
        started_at=func.coalesce(ItemRow.started_at, _AT),
        updated_at=_AT,
    )
    .returning(ItemRow)
    .execution_options(synchronize_session=False)
)

_never_tried = and_(ItemRow.state == "pending", ItemRow.attempts == 0, ItemRow.not_before.is_(None))
WAITING_FILES = (
    select(ItemRow.id, ItemRow.locator, ItemRow.uri)
    .where(ItemRow.job_id == bindparam("job"), _never_tried, ItemRow.locator.startswith("path:"))
    .order_by(ItemRow.ordinal)
    .limit(bindparam("most"))
)
_items = ItemRow.metadata.tables[ItemRow.__tablename__]
END_UNCHANGED = (
    update(_items)
    .where(_items.c.id == bindparam("item"), _items.c.state == "pending", _items.c.attempts == 0)
    .values(
        state="completed",
        stage="complete",
        outcome="unchanged",
        change="unchanged",
        document_id=bindparam("document"),
        started_at=bindparam("at"),
        updated_at=bindparam("at"),
        completed_at=bindparam("at"),
    )
)
