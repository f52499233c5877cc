"""What a door sensor reports, what is stored of it, and what is said of it.

All items of a sensor lie under its name, the readings beside the sums that make them cheap to ask
(see ``sums``).
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from sitewatch import settings
from sitewatch.clock import Timestamp
from sitewatch.tables import TableMeta

MOST_PEOPLE = 1_000_000
"""That one reading counts in one direction."""

# What a path can hold without a second meaning: no slash, no percent sign, nothing that only looks like a name.
SensorName = Annotated[str, StringConstraints(pattern=r"^\w[\w .:@~+-]{0,63}$")]
Count = Annotated[int, Field(ge=0, le=MOST_PEOPLE)]


class Reading(BaseModel):
    """How many people a sensor has seen come in and go out, up to ``ts``: types are strict."""

    model_config = ConfigDict(strict=True)

    sensor: SensorName
    ts: Timestamp
    in_count: Annotated[Count, Field(validation_alias=AliasChoices("in_count", "in"))]
    out: Count


class ReadingRecord(Model):
    """A reading, under its sensor and its time."""

    class Meta(TableMeta):
        table_name = settings.text("OCCUPANCY_TABLE")

    sensor = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)
    in_count = NumberAttribute()
    out_count = NumberAttribute()


class SensorsByName(GlobalSecondaryIndex["SumsRecord"]):
    """All sensors by name.

    One partition, which is written to when a sensor first reports and not again: it holds keys only.
    """

    class Meta:
        index_name = "by_name"
        projection = KeysOnlyProjection()

    kind = UnicodeAttribute(hash_key=True)
    sensor = UnicodeAttribute(range_key=True)


class SumsRecord(Model):
    """Sums of a sensor's changes (in less out): an attribute for each part of the time that the item stands for.

    The item ``now`` has the sum of all as ``inside``, and marks the sensor as known.
    """

    class Meta(TableMeta):
        table_name = settings.text("OCCUPANCY_TABLE")

    sensor = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute(null=True)
    inside = NumberAttribute(null=True)

    by_name = SensorsByName()

    changes: Mapping[str, int]

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> "SumsRecord":
        """The record, with those attributes as ``changes`` that are named after a part of the time."""
        record = super().from_raw_data(data)
        record.changes = {name: int(value["N"]) for name, value in data.items() if name[0].isdigit()}
        return record


def change(part: str) -> NumberAttribute:
    """The attribute for the changes in ``part`` of the time that an item stands for."""
    return NumberAttribute(attr_name=part)


class Received(BaseModel):
    """The reading is stored."""

    message: str = "OK"


class Sensors(BaseModel):
    """A page of sensors."""

    sensors: list[str]


class InsideAtInstant(BaseModel):
    """How many people were inside."""

    inside: int


class InsideNow(BaseModel):
    """How many people are inside."""

    inside: int
    sensor: str


class Point(BaseModel):
    """How many people were inside at ``ts``."""

    ts: Timestamp
    inside: int


class History(BaseModel):
    """How many people were inside over time."""

    sensor: str
    points: list[Point]


def reading_position(time: str, reading_id: str = "") -> str:
    """The sort key of a reading; text order is time order."""
    return f"reading#{time}#{reading_id}"
