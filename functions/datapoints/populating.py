"""Fetch a data point and store it once, however often it is fetched."""

from datetime import datetime, timedelta

from pynamodb.attributes import NumberAttribute
from pynamodb.transactions import TransactWrite

from datapoints import source
from datapoints.model import TOO_OLD, VALID, CountRecord, DataPointRecord, is_valid
from datapoints.source import SourceFailed, SourcePoint
from sitewatch import clock, ids
from sitewatch.observability import count, logger
from sitewatch.partitions import position
from sitewatch.sources import MAX_DELAY
from sitewatch.timeline import MONTHS, hour_of, month_of
from sitewatch.transactions import commit

_MAX_AGE = timedelta(hours=1)


def populate(url: str) -> DataPointRecord:
    """Fetch the source's current point, store it, and return the stored record.

    Raises
    ------
    SourceFailed
        If the source returned no valid point. Nothing is stored then.

    """
    try:
        fetched = source.fetch(url)
    except SourceFailed as failure:
        count("DataPointsMissed")
        logger.warning("no data point", reason=str(failure))
        raise
    point = to_record(fetched, fetched_at=clock.now())
    if store(point):
        count("DataPointsStored")
        return point
    count("DataPointsRepeated")
    # Return the point as first stored: it may have become too old since.
    return next(DataPointRecord.query(point.id, consistent_read=True))


def to_record(fetched: SourcePoint, fetched_at: datetime) -> DataPointRecord:
    """Return the record of a point. Its time, value and tags (in any order) identify it."""
    time, value = fetched.measured_at, bytes(fetched.value)
    tags = list(fetched.tags)
    if fetched_at - time > _MAX_AGE and TOO_OLD not in tags:
        tags.append(TOO_OLD)
    point_id = ids.derived_id(time, value.hex(), *sorted(fetched.tags))
    return DataPointRecord(
        point_id,
        time=time,
        value=value,
        tags=tags,
        valid_partition=VALID if is_valid(tags) else None,
        position=position(time, point_id),
        late=True if fetched_at - time > MAX_DELAY else None,
    )


def store(point: DataPointRecord) -> bool:
    """Store ``point`` and count it in its month and hour, unless it is already stored. Return whether it was new."""
    month, hour = month_of(point.time), hour_of(point.time)

    def fill(transaction: TransactWrite) -> None:
        transaction.save(point, condition=DataPointRecord.id.does_not_exist())
        for name in filter(None, (point.all_partition, point.valid_partition)):
            for value, part in ((MONTHS, month), (month, hour)):
                transaction.update(CountRecord(name, value), actions=[NumberAttribute(attr_name=part).add(1)])

    return commit(fill)
