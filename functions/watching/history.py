"""Stored signals in the order in which they happened, for trying a rule."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pynamodb.pagination import ResultIterator

from datapoints.model import DataPointRecord
from detections.model import DetectionRecord
from events.model import EventRecord
from occupancy import instants
from occupancy.model import SENSOR_KIND, ReadingRecord, SumsRecord, reading_position
from rules.signals import Kind, Signal
from sitewatch import clock, ids, settings
from sitewatch.partitions import partition
from sitewatch.tables import query_page
from sitewatch.timeline import ALL, END
from sources import finding as sources
from watching.signals import SOURCE_KINDS, Image, in_zone, signal_of

_PAGE = 1000
_INSTANT = timedelta(microseconds=1)


def signals(kind: Kind, since: datetime, until: datetime) -> Iterator[Signal]:
    """The signals of a kind that happened between two times (inclusive), oldest first, with their sources' zones.

    They are read as they are needed: the caller stops when it has enough.
    """
    zones = sources.zones(SOURCE_KINDS[kind])
    for signal in _READERS[kind](since, until):
        yield in_zone(signal, zones.get(signal.fields["source"]))


def _detections(since: datetime, until: datetime) -> Iterator[Signal]:
    shards = settings.integer("DETECTION_WRITE_SHARDS")
    between = DetectionRecord.position.between(clock.sortable(since), clock.sortable(until) + END)
    # bounded: by the caller
    queries = [DetectionRecord.by_time.query(partition(n), between, page_size=_PAGE) for n in range(shards)]
    yield from _merged(Kind.DETECTION, queries, "position")


def _events(since: datetime, until: datetime) -> Iterator[Signal]:
    shards = settings.integer("EVENT_WRITE_SHARDS")
    between = EventRecord.id.between(ids.min_id(since), ids.min_id(until + timedelta(milliseconds=1)))
    # bounded: by the caller
    queries = [EventRecord.by_time.query(partition(n), between, page_size=_PAGE) for n in range(shards)]
    found = _merged(Kind.EVENT, queries, "id")
    yield from (signal for signal in found if since <= signal.at <= until)


def _data_points(since: datetime, until: datetime) -> Iterator[Signal]:
    between = DataPointRecord.position.between(clock.sortable(since), clock.sortable(until) + END)
    # bounded: by the caller
    yield from _merged(Kind.DATA_POINT, [DataPointRecord.all_by_time.query(ALL, between, page_size=_PAGE)], "position")


def _readings(since: datetime, until: datetime) -> Iterator[Signal]:
    # bounded: a site has as many sensors as it has doors
    sensors = [known.sensor for known in SumsRecord.by_name.query(SENSOR_KIND)]
    yield from heapq.merge(*(_readings_of(one, since, until) for one in sensors), key=lambda signal: signal.at)


def _readings_of(sensor: str, since: datetime, until: datetime) -> Iterator[Signal]:
    inside = instants.at(sensor, since - _INSTANT)
    between = ReadingRecord.position.between(
        reading_position(clock.sortable(since)), reading_position(clock.sortable(until), END)
    )
    # bounded: by the caller
    for item in _items(ReadingRecord.query(sensor, between, page_size=_PAGE)):
        reading = ReadingRecord.from_raw_data(dict(item))
        at = clock.parse(reading.position.split("#")[1])
        came, left = int(reading.in_count), int(reading.out_count)
        inside += came - left
        fields = {"source": sensor, "inside": inside, "in_count": came, "out": left}
        yield Signal(Kind.OCCUPANCY, at, at, fields, is_late=bool(reading.late))


def _merged(kind: Kind, queries: list[ResultIterator[Any]], sort_key: str) -> Iterator[Signal]:
    for item in heapq.merge(*map(_items, queries), key=lambda item: str(item[sort_key]["S"])):
        yield signal_of(kind, item)


def _items(query: ResultIterator[Any]) -> Iterator[Image]:
    more = True
    while more:
        page = query_page(query)
        yield from page["Items"]
        more = "LastEvaluatedKey" in page


_READERS: Mapping[Kind, Callable[[datetime, datetime], Iterator[Signal]]] = {
    Kind.DETECTION: _detections,
    Kind.EVENT: _events,
    Kind.DATA_POINT: _data_points,
    Kind.OCCUPANCY: _readings,
}
