"""Reports of door sensors, stored records and API models.

All items of a sensor have its name as their partition key: its readings, and the sums that make queries cheap (see
``sums``).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AliasChoices, ConfigDict, Field
from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from sitewatch import settings
from sitewatch.clock import ObservedTime, Timestamp
from sitewatch.models import BaseModel
from sitewatch.names import SourceName
from sitewatch.tables import Model, TableMeta, TimeAttribute

MAX_PEOPLE = 1_000_000
"""The most people per reading and direction."""

SENSOR_KIND = "sensor"
"""The partition of the index of all sensors."""

Count = Annotated[int, Field(ge=0, le=MAX_PEOPLE)]


class Reading(BaseModel):
    """How many people a sensor has counted in and out, up to ``ts``. Types are strict."""

    model_config = ConfigDict(strict=True)

    sensor: SourceName
    ts: ObservedTime
    in_count: Annotated[Count, Field(validation_alias=AliasChoices("in_count", "in"))]
    out: Count


class ReadingRecord(Model):
    """A reading, under its sensor and time."""

    class Meta(TableMeta):
        table_name = settings.text("OCCUPANCY_TABLE")

    sensor = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)
    in_count = NumberAttribute()
    out_count = NumberAttribute()
    late = BooleanAttribute(null=True)


class SensorsByName(GlobalSecondaryIndex["SumsRecord"]):
    """All sensors by name.

    One partition with keys only: it is written only at a sensor's first report.
    """

    class Meta:
        index_name = "by_name"
        projection = KeysOnlyProjection()

    kind = UnicodeAttribute(hash_key=True)
    sensor = UnicodeAttribute(range_key=True)


class SumsRecord(Model):
    """Sums of a sensor's changes (in minus out): one attribute per part of the item's time.

    The item ``now`` also has the total as ``inside``; if it exists, the sensor is known. It tells of the reading that
    was stored last, so that each of its changes in the table's stream is a reading and what is inside after it.
    """

    class Meta(TableMeta):
        table_name = settings.text("OCCUPANCY_TABLE")

    sensor = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute(null=True)
    inside = NumberAttribute(null=True)
    last_reading = UnicodeAttribute(null=True)
    last_at: datetime = TimeAttribute(null=True)  # type: ignore[assignment]
    last_in = NumberAttribute(null=True)
    last_out = NumberAttribute(null=True)
    last_late = BooleanAttribute(null=True)

    by_name = SensorsByName()

    changes: Mapping[str, int]

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> "SumsRecord":
        """The record, with the attributes that are named after a part of its time as ``changes``."""
        record = super().from_raw_data(data)
        record.changes = {name: int(value["N"]) for name, value in data.items() if name[0].isdigit()}
        return record


class SimulatedDoorsRecord(Model):
    """The time up to which the readings of the simulated doors are stored. Its key is no sensor's name."""

    class Meta(TableMeta):
        table_name = settings.text("OCCUPANCY_TABLE")

    sensor = UnicodeAttribute(hash_key=True, default="#simulated")
    position = UnicodeAttribute(range_key=True, default="until")
    until: datetime = TimeAttribute()  # type: ignore[assignment]


def change(part: str) -> NumberAttribute:
    """The attribute with the changes in ``part`` of an item's time."""
    return NumberAttribute(attr_name=part)


class Received(BaseModel):
    """The confirmation that a reading is stored."""

    message: str = "OK"


class Sensors(BaseModel):
    """A page of sensors."""

    sensors: list[str]


class InsideAtInstant(BaseModel):
    """How many people were inside at an instant."""

    inside: int


class InsideNow(BaseModel):
    """How many people are inside now."""

    inside: int
    sensor: str


class Point(BaseModel):
    """How many people were inside at ``ts``."""

    ts: Timestamp
    inside: int


class History(BaseModel):
    """How many people were inside, over time."""

    sensor: str
    points: list[Point]


def reading_position(time: str, reading_id: str = "") -> str:
    """The sort key of a reading; text order is time order."""
    return f"reading#{time}#{reading_id}"
