"""Stored records and API models of detections."""

from datetime import datetime
from typing import Any, Self

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from sitewatch import settings
from sitewatch.clock import Timestamp
from sitewatch.models import BaseModel
from sitewatch.names import UNKNOWN
from sitewatch.tables import Model, TableMeta, TimeAttribute


class Alert(BaseModel):
    """A suspicious vehicle as subscribers see it."""

    id: str
    year: int
    make: str
    model: str
    category: str
    created_at: Timestamp

    @classmethod
    def of(cls, record: "DetectionRecord") -> Self:
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class Detection(Alert):
    """A vehicle as clients see it: ``id`` is ours, ``reported_id`` the sender's."""

    reported_id: str | None
    source: str


class DetectionsByTime(GlobalSecondaryIndex["DetectionRecord"]):
    """All detections by time; a partition is a write shard."""

    class Meta:
        index_name = "by_time"
        projection = AllProjection()

    time_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class DetectionsByMake(GlobalSecondaryIndex["DetectionRecord"]):
    """The detections of a make by time; a partition is the make and a write shard."""

    class Meta:
        index_name = "by_make"
        projection = AllProjection()

    make_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class DetectionsByCategory(GlobalSecondaryIndex["DetectionRecord"]):
    """The detections of a category by time; a partition is the category and a write shard."""

    class Meta:
        index_name = "by_category"
        projection = AllProjection()

    category_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class DetectionsBySource(GlobalSecondaryIndex["DetectionRecord"]):
    """The detections of a source by time; a partition is the source and a write shard."""

    class Meta:
        index_name = "by_source"
        projection = AllProjection()

    source_partition = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class DetectionRecord(Model):
    """A detection. Its id is derived from its source, its reported id and its content (see ``arrival``)."""

    class Meta(TableMeta):
        table_name = settings.text("DETECTIONS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    reported_id = UnicodeAttribute(null=True)
    source = UnicodeAttribute(default=UNKNOWN)
    year = NumberAttribute()
    make = UnicodeAttribute()
    model = UnicodeAttribute()
    category = UnicodeAttribute()
    created_at: datetime = TimeAttribute()  # type: ignore[assignment]
    suspicious = BooleanAttribute()
    late = BooleanAttribute(null=True)  # absent unless it is true: an identical put must stay identical
    position = UnicodeAttribute()
    time_partition = UnicodeAttribute()
    make_partition = UnicodeAttribute()
    category_partition = UnicodeAttribute()
    source_partition = UnicodeAttribute(null=True)

    by_time = DetectionsByTime()
    by_make = DetectionsByMake()
    by_category = DetectionsByCategory()
    by_source = DetectionsBySource()


class CountRecord(Model):
    """Numbers of detections.

    ``make``/``acura`` has the number of Acuras as its ``total``. Makes and categories are folded; ``spelling`` is the
    first one that was counted. ``months#make#acura``/``all`` has an attribute for each month with Acuras,
    ``hours#make#acura``/``2026-11`` one for each day and hour of that month, and ``minutes#make#acura``/
    ``2026-11-22T06`` one for each minute of that hour; ``months``, ``hours`` and ``minutes`` are those of all
    detections (see ``sitewatch.timeline``).
    """

    class Meta(TableMeta):
        table_name = settings.text("DETECTION_COUNTS_TABLE")

    counter = UnicodeAttribute(hash_key=True)
    value = UnicodeAttribute(range_key=True)
    spelling = UnicodeAttribute(null=True)
    total = NumberAttribute()


class PositionRecord(Model):
    """The position that counting has reached in a shard of the table's stream.

    ``rest`` has the sums up to this position that are not yet written (``counting.Addition``), and ``left`` says how
    many; both are absent if all are.
    """

    class Meta(TableMeta):
        table_name = settings.text("DETECTION_COUNTS_TABLE")

    counter = UnicodeAttribute(hash_key=True, default="position")
    shard = UnicodeAttribute(range_key=True, attr_name="value")
    sequence_number = UnicodeAttribute()
    rest: Any = JSONAttribute(null=True)
    left: Any = NumberAttribute(null=True)
    expires_at = TTLAttribute()
