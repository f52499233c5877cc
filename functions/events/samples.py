"""Sample events to send. Some are invalid: the receiver must refuse them."""

import random
from typing import Any

from sitewatch.simulation import CYCLE_SECONDS

VALID: tuple[dict[str, Any], ...] = (
    {"event_type": "message", "event_payload": "hello from the front door"},
    {"event_type": "message", "event_payload": "gate 2 is open"},
    {"event_type": "message", "event_payload": "gate 2 is closed"},
    {"event_type": "message", "event_payload": "battery at 80 percent"},
    {"event_type": "message", "event_payload": "Tür geschlossen ✓"},
    {"event_type": "user_joined", "event_payload": "alice"},
    {"event_type": "user_joined", "event_payload": "bob"},
    {"event_type": "user_joined", "event_payload": "carol"},
    {"event_type": "user_left", "event_payload": "alice"},
    {"event_type": "user_left", "event_payload": "bob"},
    {"event_type": "user_left", "event_payload": "carol"},
)
LEAVING = {"event_type": "user_left", "event_payload": "mallory", "source": "gate"}
HEARTBEAT = {"event_type": "heartbeat", "event_payload": "ok", "source": "weather station"}
INVALID: tuple[dict[str, Any], ...] = (
    {"event_type": "message", "event_payload": ""},
    {"event_type": "user_joined", "event_payload": 42},
)


_LEAVES = range(60, 90)
_IS_SILENT = range(240, 480)
"""Seconds of the simulated ten minutes."""

_HEARTBEAT_SECONDS = 15


def sample_at(second: int) -> dict[str, Any]:
    """The sample event of ``second``: random, but always the same for the same second.

    Every ten minutes somebody leaves through the gate, and the weather station is silent for four minutes.
    """
    in_cycle = second % CYCLE_SECONDS
    if in_cycle in _LEAVES:
        return LEAVING
    if second % _HEARTBEAT_SECONDS == 0 and in_cycle not in _IS_SILENT:
        return HEARTBEAT
    return random.Random(second).choice(VALID + INVALID)  # noqa: S311 - a sample, not a secret
