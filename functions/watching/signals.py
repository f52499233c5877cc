"""Signals from stored items, as a table's stream or a query has them."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from datapoints import float32
from rules.signals import Kind, Signal
from sitewatch import clock
from sitewatch.names import UNKNOWN
from sources import registry
from sources.model import SourceKind, SourceState
from sources.registry import Key

Image = Mapping[str, Mapping[str, Any]]
"""An item in DynamoDB's own format."""

INSTRUMENT = "instrument"
"""The source of all data points."""

SOURCE_KINDS: Mapping[Kind, SourceKind] = {
    Kind.DETECTION: SourceKind.CAMERA,
    Kind.DATA_POINT: SourceKind.INSTRUMENT,
    Kind.EVENT: SourceKind.DEVICE,
    Kind.OCCUPANCY: SourceKind.DOOR,
}
"""What kind of source reports each kind of signal. A silence is reported by none."""


@dataclass(frozen=True, slots=True)
class Received:
    """A signal of a stream, and its position in the shard."""

    position: int
    signal: Signal


def received(record: Mapping[str, Any]) -> Received | None:
    """The signal of a stream's record from Lambda's event; ``None`` if it is none.

    A new item is a signal. Of sensors, the item with the current sums is one whenever it changes, and of sources, the
    item is one whenever its state changes; of a deleted one nothing is known any more.
    """
    stream = record["dynamodb"]
    arrived_at = datetime.fromtimestamp(float(stream["ApproximateCreationDateTime"]), UTC)
    image, before = stream.get("NewImage"), stream.get("OldImage")
    if not image and before and "state_since" in before:
        image = _forgotten(before, arrived_at)
    kind = next((kind for attribute, kind in _KINDS.items() if attribute in image), None) if image else None
    if kind is None or not _is_news(kind, image, before):
        return None
    return Received(int(stream["SequenceNumber"]), signal_of(kind, image, arrived_at))


def in_zones(signals: Sequence[Received]) -> list[Received]:
    """The signals with the zones of their sources. A signal also shows that its source is alive.

    Raises
    ------
    sources.registry.RegisteringFailed
        If others keep changing one of the sources.

    """
    arrivals: dict[Key, datetime] = {}
    for each in signals:
        if each.signal.kind is not Kind.SILENCE:
            key = _source_of(each.signal)
            arrivals[key] = max(arrivals.get(key, each.signal.arrived_at), each.signal.arrived_at)
    zones = registry.observe(arrivals)
    return [Received(one.position, in_zone(one.signal, zones.get(_source_of(one.signal)))) for one in signals]


def _source_of(signal: Signal) -> Key:
    kind = SOURCE_KINDS.get(signal.kind)
    return SourceKind(signal.fields["kind"]) if kind is None else kind, signal.fields["source"]


def in_zone(signal: Signal, zone: str | None) -> Signal:
    """The signal with the zone of its source, if that has one."""
    return signal if zone is None else replace(signal, fields={**signal.fields, "zone": zone})


def signal_of(kind: Kind, image: Image, arrived_at: datetime | None = None) -> Signal:
    """The signal of a stored item, without its source's zone."""
    at, fields = _READERS[kind](image)
    is_late = "late" in image or "last_late" in image
    return Signal(kind, clock.parse(at), arrived_at or clock.parse(at), fields, is_late=is_late)


def _detection(image: Image) -> tuple[str, dict[str, Any]]:
    fields = {name: image[name]["S"] for name in ("make", "model", "category")}
    own = {"year": int(image["year"]["N"]), "suspicious": image["suspicious"]["BOOL"]}
    return image["created_at"]["S"], {"source": _source(image), **fields, **own}


def _data_point(image: Image) -> tuple[str, dict[str, Any]]:
    stored = image["value"]["B"]
    value = float32.decode(stored if isinstance(stored, bytes) else base64.b64decode(stored))
    tags = [tag["S"] for tag in image["tags"]["L"]]
    is_valid = "valid_partition" in image
    return image["time"]["S"], {"source": INSTRUMENT, "value": value, "valid": is_valid, "tags": tags}


def _event(image: Image) -> tuple[str, dict[str, Any]]:
    fields = {name: image[name]["S"] for name in ("event_type", "event_payload")}
    return image["created_at"]["S"], {"source": _source(image), **fields}


def _occupancy(image: Image) -> tuple[str, dict[str, Any]]:
    names = {"inside": "inside", "in_count": "last_in", "out": "last_out"}
    counts = {name: int(image[attribute]["N"]) for name, attribute in names.items()}
    return image["last_at"]["S"], {"source": image["sensor"]["S"], **counts}


def _silence(image: Image) -> tuple[str, dict[str, Any]]:
    kind, state = image["kind"]["S"], image["state"]["S"]
    zone = {"zone": image["zone"]["S"]} if "zone" in image else {}
    return image["state_since"]["S"], {"source": image["name"]["S"], **zone, "kind": kind, "state": state}


def _forgotten(source: Image, at: datetime) -> Image:
    """The image of a deleted source, as if its state had changed."""
    return {**source, "state": {"S": SourceState.UNKNOWN.value}, "state_since": {"S": clock.sortable(at)}}


def _source(image: Image) -> str:
    return str(image["source"]["S"]) if "source" in image else UNKNOWN


def _is_news(kind: Kind, image: Image, before: Image | None) -> bool:
    if kind in _CHANGING:
        attribute = _CHANGING[kind]
        return image.get(attribute) != (before or {}).get(attribute)
    return not before


_CHANGING: Mapping[Kind, str] = {Kind.OCCUPANCY: "last_reading", Kind.SILENCE: "state"}
"""The kinds whose item changes with each signal, and the attribute that tells."""

_KINDS: Mapping[str, Kind] = {
    "make": Kind.DETECTION,
    "tags": Kind.DATA_POINT,
    "event_type": Kind.EVENT,
    "last_reading": Kind.OCCUPANCY,
    "state_since": Kind.SILENCE,
}
"""An attribute that only the items of each kind have."""

_READERS: Mapping[Kind, Callable[[Image], tuple[str, dict[str, Any]]]] = {
    Kind.DETECTION: _detection,
    Kind.DATA_POINT: _data_point,
    Kind.EVENT: _event,
    Kind.OCCUPANCY: _occupancy,
    Kind.SILENCE: _silence,
}
