"""Stored records and API models of events."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, StringConstraints
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from sitewatch import settings
from sitewatch.clock import Timestamp
from sitewatch.models import BaseModel
from sitewatch.names import UNKNOWN, SourceName
from sitewatch.tables import Model, TableMeta, TimeAttribute

EventText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255)]


class NewEvent(BaseModel):
    """An event as a device sends it: types are strict, unknown keys are ignored."""

    model_config = ConfigDict(strict=True)

    event_type: EventText
    event_payload: EventText
    source: SourceName | None = None


class EventChange(BaseModel):
    """The fields to change; those that are left out stay."""

    model_config = ConfigDict(strict=True)

    event_type: EventText = ""
    event_payload: EventText = ""


class EventsByTime(GlobalSecondaryIndex["EventRecord"]):
    """All events by id, which sorts by creation; a partition is a month and a write shard."""

    class Meta:
        index_name = "by_time"
        projection = AllProjection()

    time_partition = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class EventsByType(GlobalSecondaryIndex["EventRecord"]):
    """The events of each type by id; a partition is a type, a month and a write shard."""

    class Meta:
        index_name = "by_type"
        projection = AllProjection()

    type_partition = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class EventsBySource(GlobalSecondaryIndex["EventRecord"]):
    """The events of each source by id; a partition is a source, a month and a write shard."""

    class Meta:
        index_name = "by_source"
        projection = AllProjection()

    source_partition = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class EventRecord(Model):
    """An event. ``version`` increases with every change. Older events have no source."""

    class Meta(TableMeta):
        table_name = settings.text("EVENTS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    event_type = UnicodeAttribute()
    event_payload = UnicodeAttribute()
    source = UnicodeAttribute(null=True)
    created_at: datetime = TimeAttribute()  # type: ignore[assignment]
    updated_at: datetime = TimeAttribute()  # type: ignore[assignment]
    version = NumberAttribute()
    time_partition = UnicodeAttribute()
    type_partition = UnicodeAttribute()
    source_partition = UnicodeAttribute(null=True)

    by_time = EventsByTime()
    by_type = EventsByType()
    by_source = EventsBySource()


class MonthsRecord(Model):
    """The months that may have events.

    The id is ``months`` for all events, ``months#<type>`` for those of a type, ``source-months#<source>`` of a source.
    """

    class Meta(TableMeta):
        table_name = settings.text("EVENTS_TABLE")

    id = UnicodeAttribute(hash_key=True)
    months = UnicodeSetAttribute()


class SendingPlanRecord(Model):
    """The second (in Unix time) up to which the sending of sample events is planned."""

    class Meta(TableMeta):
        table_name = settings.text("EVENTS_TABLE")

    id = UnicodeAttribute(hash_key=True, default="sending-plan")
    planned_until = NumberAttribute()


class Event(BaseModel):
    """An event as clients see it."""

    id: str
    event_type: str
    event_payload: str
    created_at: Timestamp
    updated_at: Timestamp
    source: str

    @classmethod
    def of(cls, record: EventRecord) -> "Event":
        fields = {name: getattr(record, name) for name in cls.model_fields}
        return cls(**{**fields, "source": record.source or UNKNOWN})


class Events(BaseModel):
    """A page of events."""

    events: list[Event]


class Receipt(BaseModel):
    """The confirmation that an event is stored."""

    status_code: Literal["200"] = "200"
    id: str
