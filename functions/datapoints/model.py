"""Stored records and API models of data points."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from pydantic import Field
from pynamodb.attributes import BinaryAttribute, BooleanAttribute, ListAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from datapoints import float32
from sitewatch import settings
from sitewatch.clock import Timestamp
from sitewatch.models import BaseModel
from sitewatch.tables import Model, TableMeta, TimeAttribute
from sitewatch.timeline import ALL


class DataPointsByTime(GlobalSecondaryIndex["DataPointRecord"]):
    """All data points by time.

    Write shards are not needed: a partition accepts 1,000 writes per second, and one point arrives per minute.
    """

    class Meta:
        index_name = "all_by_time"
        projection = AllProjection()

    all_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class ValidDataPointsByTime(GlobalSecondaryIndex["DataPointRecord"]):
    """The valid data points by time; the others have no ``valid_partition``, so they are not in this index."""

    class Meta:
        index_name = "valid_by_time"
        projection = AllProjection()

    valid_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class DataPointRecord(Model):
    """A data point. Its id is derived from the source's data, so a repeated point is the same item."""

    class Meta(TableMeta):
        table_name = settings.text("DATA_POINTS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    time: datetime = TimeAttribute()  # type: ignore[assignment]
    value = BinaryAttribute(legacy_encoding=False)  # the source's four bytes, because DynamoDB's numbers have no -0.0
    tags: list[str] = ListAttribute(of=UnicodeAttribute)  # type: ignore[assignment]
    all_partition = UnicodeAttribute(default=ALL)
    valid_partition = UnicodeAttribute(null=True)
    position = UnicodeAttribute()
    late = BooleanAttribute(null=True)

    all_by_time = DataPointsByTime()
    valid_by_time = ValidDataPointsByTime()


class CountRecord(Model):
    """Numbers of data points in a list (``all`` or ``valid``).

    ``valid``/``months`` has an attribute for each month, ``valid``/``2026-11`` one for each day and hour (see
    ``sitewatch.timeline``).
    """

    class Meta(TableMeta):
        table_name = settings.text("DATA_POINT_COUNTS_TABLE")

    counter = UnicodeAttribute(hash_key=True)
    value = UnicodeAttribute(range_key=True)


class DataPoint(BaseModel):
    """A data point as clients see it."""

    time: Timestamp
    value: Annotated[float, Field(description="The source's float32, exactly, as a double.")]
    valid: bool
    tags: list[str]

    @classmethod
    def of(cls, record: DataPointRecord) -> "DataPoint":
        return cls(
            time=record.time,
            value=float32.decode(record.value),
            valid=is_valid(record.tags),
            tags=list(record.tags),
        )


_INVALIDATING_TAGS = frozenset({"system", "suspect", "too old"})
TOO_OLD = "too old"
VALID = "valid"


def is_valid(tags: Collection[str]) -> bool:
    """Whether a point with ``tags`` is valid."""
    return _INVALIDATING_TAGS.isdisjoint(tags)
