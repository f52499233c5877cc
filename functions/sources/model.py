"""Stored records and API models of sources."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from sitewatch import settings
from sitewatch.clock import Timestamp
from sitewatch.due import DUE
from sitewatch.models import BaseModel
from sitewatch.names import PLAIN, SourceName
from sitewatch.tables import Model, TableMeta, TimeAttribute

WRITES_PER_PERIOD = 4
"""How often ``last_seen`` is written in the time in which a signal is expected."""


class SourceKind(StrEnum):
    """What a source is: cameras report detections, instruments data points, devices events, doors readings."""

    CAMERA = "camera"
    DEVICE = "device"
    DOOR = "door"
    INSTRUMENT = "instrument"


class SourceState(StrEnum):
    """Whether signals come as expected."""

    UNKNOWN = "unknown"
    LIVE = "live"
    LATE = "late"
    SILENT = "silent"


class DeadlinesByTime(GlobalSecondaryIndex["SourceRecord"]):
    """The sources that will be late or silent, by when. Those without an expectation are not in this index."""

    class Meta:
        index_name = "by_due"
        projection = KeysOnlyProjection()

    due_partition = UnicodeAttribute(hash_key=True)
    due: Any = TimeAttribute(range_key=True)


class SourcesByZone(GlobalSecondaryIndex["SourceRecord"]):
    """The sources with a zone, by kind and name. What never changes costs no write, so it has only keys."""

    class Meta:
        index_name = "by_zone"
        projection = KeysOnlyProjection()

    zone = UnicodeAttribute(hash_key=True)
    zone_position = UnicodeAttribute(range_key=True)


class SourceRecord(Model):
    """A source.

    ``due`` is when it will be late, or if it is late, silent. ``state_since`` is when the stored state began;
    ``last_seen`` is written a few times in each expected period only. ``zone_position`` is ``camera/gate-north``, if it
    has a zone.
    """

    class Meta(TableMeta):
        table_name = settings.text("SOURCES_TABLE")

    kind = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(range_key=True)
    title = UnicodeAttribute(null=True)
    zone = UnicodeAttribute(null=True)
    zone_position = UnicodeAttribute(null=True)
    state = UnicodeAttribute(default=SourceState.UNKNOWN.value)
    state_since: Any = TimeAttribute(null=True)
    first_seen: Any = TimeAttribute(null=True)
    last_seen: Any = TimeAttribute(null=True)
    expected_every = NumberAttribute(null=True)
    grace = NumberAttribute(default=0)
    version = NumberAttribute(default=1)
    due_partition = UnicodeAttribute(null=True)
    due: Any = TimeAttribute(null=True)

    by_due = DeadlinesByTime()
    by_zone = SourcesByZone()

    def move_to(self, zone: str | None) -> None:
        """Be in a zone, or in none."""
        self.zone = zone
        self.zone_position = f"{self.kind}/{self.name}" if zone else None

    def unchanged(self) -> Condition:
        """The condition that nothing has changed since it was read: no person's change, no sighting, no deadline."""
        last_seen: Any = SourceRecord.last_seen
        seen: Condition = last_seen.does_not_exist() if self.last_seen is None else last_seen == self.last_seen
        unchanged: Condition = (SourceRecord.version == self.version) & (SourceRecord.state == self.state) & seen
        return unchanged

    def expect_after(self, time: datetime) -> None:
        """Start to wait for the next signal at ``time``.

        Since ``last_seen`` is not written for every signal, a source is late only after a quarter more.
        """
        if not self.expected_every:
            self.state, self.due = SourceState.UNKNOWN.value, None
        else:
            period = timedelta(seconds=int(self.expected_every))
            self.state, self.due = SourceState.LIVE.value, time + period + period / WRITES_PER_PERIOD
        self.due_partition = DUE if self.due else None

    def pass_deadline(self) -> None:
        """Become late, or silent if there is no more grace."""
        self.state_since = self.due
        if self.state == SourceState.LIVE and self.grace:
            self.state, self.due = SourceState.LATE.value, self.due + timedelta(seconds=int(self.grace))
        else:
            self.state, self.due, self.due_partition = SourceState.SILENT.value, None, None


class RevisionRecord(Model):
    """How often people have changed sources. Its key is no kind of source."""

    class Meta(TableMeta):
        table_name = settings.text("SOURCES_TABLE")

    kind = UnicodeAttribute(hash_key=True, default="#revision")
    name = UnicodeAttribute(range_key=True, default="-")
    revision = NumberAttribute()


_Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100, pattern=PLAIN)]


class Description(BaseModel):
    """What an administrator says of a source. What is left out has no value."""

    model_config = ConfigDict(extra="forbid")

    title: _Text | None = None
    zone: SourceName | None = Field(None, description="Where it is. Rules can match it and have a state for each zone.")
    expected_every: Annotated[int, Field(strict=True, ge=10, le=86_400)] | None = Field(
        None, description="Seconds within which a signal is expected."
    )
    grace: Annotated[int, Field(strict=True, ge=0, le=86_400)] = Field(
        0, description="Seconds for which it may be late before it is silent."
    )


class Source(BaseModel):
    """A source as clients see it."""

    kind: SourceKind
    name: str
    title: str | None
    zone: str | None
    state: SourceState
    first_seen: Timestamp | None
    last_seen: Timestamp | None
    expected_every: int | None
    grace: int

    @classmethod
    def of(cls, record: SourceRecord) -> "Source":
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class Sources(BaseModel):
    """A page of sources."""

    sources: list[Source]
