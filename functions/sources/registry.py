"""The sources of a stream's signals: the first signal registers one, and the others show that it is alive.

A process remembers the sources that it has seen, so that signals of known ones cost no call: ``last_seen`` is written
a few times in each expected period. People's changes have an effect within five seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.exceptions import PutError

from sitewatch.caching import ExpiringCache
from sitewatch.retrying import attempts
from sources import finding
from sources.model import WRITES_PER_PERIOD, RevisionRecord, SourceKind, SourceRecord, SourceState

Key = tuple[SourceKind, str]

_MAX_KNOWN = 10_000
_CHECK_SECONDS = 5.0
_UNEXPECTED = timedelta(seconds=60)
"""How often ``last_seen`` of a source without an expectation is written."""


class RegisteringFailed(RuntimeError):
    """Others kept changing the source at the same time."""


@dataclass(frozen=True, slots=True)
class _Known:
    zone: str | None
    seen_until: datetime
    """Signals up to here need no write."""


_revision: ExpiringCache[int] = ExpiringCache(_CHECK_SECONDS)
_known: dict[Key, _Known] = {}
_known_at = -1


def observe(arrivals: Mapping[Key, datetime]) -> Mapping[Key, str | None]:
    """Note when the last signal of each source arrived. Return the zones of the sources.

    Raises
    ------
    RegisteringFailed
        If others keep changing one of them; the batch must be delivered again.

    """
    _forget_changed()
    zones: dict[Key, str | None] = {}
    for key, arrived_at in arrivals.items():
        known = _known.get(key)
        if known is None or arrived_at > known.seen_until:
            known = _see(*key, arrived_at)
            if len(_known) >= _MAX_KNOWN:
                _known.clear()
            _known[key] = known
        zones[key] = known.zone
    return zones


def forget() -> None:
    """Read everything again the next time."""
    _revision.clear()
    _known.clear()


def revision() -> int:
    """How often people have changed sources."""
    found = next(RevisionRecord.query("#revision", consistent_read=True, limit=1), None)
    return int(found.revision) if found else 0


def _forget_changed() -> None:
    global _known_at  # noqa: PLW0603 - what a process knows is its own
    now = _revision.get("", revision)
    if now != _known_at:
        _known.clear()
        _known_at = now


def _see(kind: SourceKind, name: str, arrived_at: datetime) -> _Known:
    for _ in attempts():
        source = finding.stored(kind, name)
        if source is not None and source.last_seen is not None and arrived_at <= _quiet_until(source):
            return _Known(source.zone, _quiet_until(source))
        try:
            return _write(source, kind, name, arrived_at)
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
    raise RegisteringFailed


def _write(source: SourceRecord | None, kind: SourceKind, name: str, arrived_at: datetime) -> _Known:
    unchanged = source.unchanged() if source else SourceRecord.kind.does_not_exist()
    source = source or SourceRecord(kind.value, name)
    before = source.state
    source.first_seen = source.first_seen or arrived_at
    source.last_seen = arrived_at
    source.expect_after(arrived_at)
    if before in (SourceState.LATE, SourceState.SILENT):
        source.state_since = arrived_at
    source.save(condition=unchanged)
    return _Known(source.zone, _quiet_until(source))


def _quiet_until(source: SourceRecord) -> datetime:
    """Up to when signals need no write. A missed source becomes live at its next signal."""
    last_seen: datetime = source.last_seen
    if source.state in (SourceState.LATE, SourceState.SILENT):
        return last_seen
    if not source.expected_every:
        return last_seen + _UNEXPECTED
    return last_seen + timedelta(seconds=int(source.expected_every)) / WRITES_PER_PERIOD
