"""Stored records and API models of data points."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from pynamodb.attributes import BinaryAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from datapoints import float32
from sitewatch import settings
from sitewatch.clock import Timestamp
from sitewatch.models import BaseModel
from sitewatch.tables import Model, TableMeta, TimeAttribute

Kind = Literal["valid", "invalid"]


class DataPointsByTime(GlobalSecondaryIndex["DataPointRecord"]):
    """Data points by time. A partition holds one day's valid or invalid points.

    Write shards are not needed: a partition accepts 1,000 writes per second, and one point arrives per minute.
    """

    class Meta:
        index_name = "by_time"
        projection = AllProjection()

    day_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class DataPointRecord(Model):
    """A data point. Its id is derived from the source's data, so a repeated point is the same item."""

    class Meta(TableMeta):
        table_name = settings.text("DATA_POINTS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    time: datetime = TimeAttribute()  # type: ignore[assignment]
    value = BinaryAttribute(legacy_encoding=False)  # the source's four bytes, because DynamoDB's numbers have no -0.0
    tags: list[str] = ListAttribute(of=UnicodeAttribute)  # type: ignore[assignment]
    day_partition = UnicodeAttribute()
    position = UnicodeAttribute()

    by_time = DataPointsByTime()


class DayRecord(Model):
    """The number of a day's points of one kind, which lets ``skip`` skip the day unread."""

    class Meta(TableMeta):
        table_name = settings.text("DATA_POINT_DAYS_TABLE")

    kind = UnicodeAttribute(hash_key=True)
    day = UnicodeAttribute(range_key=True)
    total = NumberAttribute()


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
            valid=kind_of(record.tags) == "valid",
            tags=list(record.tags),
        )


_INVALIDATING_TAGS = frozenset({"system", "suspect", "too old"})
TOO_OLD = "too old"


def kind_of(tags: list[str]) -> Kind:
    """Whether a point with ``tags`` is valid or invalid."""
    return "invalid" if _INVALIDATING_TAGS.intersection(tags) else "valid"


def day_partition(kind: Kind, day: str) -> str:
    """The partition key of a day's points of one kind, in the index by time."""
    return f"{kind}#{day}"
