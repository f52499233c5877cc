"""Stored records of alerts: a numbered log, marks of the detections that are in it, and requests that wait for more.

The log has no gaps, because one transaction writes the alerts of a batch and the last number of the log. A reader that
has seen number n has seen all alerts before it, and asks for those after n.
"""

from pynamodb.attributes import NumberAttribute, TTLAttribute, UnicodeAttribute

from sitewatch import settings
from sitewatch.tables import Model, TableMeta

ALERTS_PER_PARTITION = 1000


class AlertsRecord(Model):
    """Alerts that were recorded together, under ``log#<partition>`` and the number of the last one.

    ``detections`` has a line for each: the JSON that clients get. One item for many alerts takes a fraction of the
    write units of one item for each, and so does a transaction.
    """

    class Meta(TableMeta):
        table_name = settings.text("ALERTS_TABLE")

    key = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)
    detections = UnicodeAttribute(attr_name="detection")


class LogHead(Model):
    """The number of the last alert in the log."""

    class Meta(TableMeta):
        table_name = settings.text("ALERTS_TABLE")

    key = UnicodeAttribute(hash_key=True, default="head")
    number = NumberAttribute(range_key=True, default=0)
    reached = NumberAttribute(null=True)


class RecordedDetection(Model):
    """A mark that the log has an alert of a detection. It outlives every queue that could deliver the alert again."""

    class Meta(TableMeta):
        table_name = settings.text("ALERTS_TABLE")

    key = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True, default=0)
    expires_at = TTLAttribute()


class HoldRecord(Model):
    """A place that one of a caller's waiting requests occupies, until it ends or expires."""

    class Meta(TableMeta):
        table_name = settings.text("ALERTS_TABLE")

    key = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)
    expires_at = TTLAttribute()


def partition(number: int) -> str:
    """The partition of the log that holds the alerts whose last one is ``number``."""
    return f"log#{number // ALERTS_PER_PARTITION}"


def recorded_key(detection_id: str) -> str:
    """The key of the mark that a detection is in the log."""
    return f"detection#{detection_id}"


def holds_key(subject: str) -> str:
    """The key of the waiting requests of the caller with this subject."""
    return f"holds#{subject}"
