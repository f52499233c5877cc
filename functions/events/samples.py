"""Sample events to send. Some are invalid: the receiver must refuse them."""

import random
from typing import Any

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
INVALID: tuple[dict[str, Any], ...] = (
    {"event_type": "message", "event_payload": ""},
    {"event_type": "user_joined", "event_payload": 42},
)


def sample_at(second: int) -> dict[str, Any]:
    """The sample event of ``second``: random, but always the same for the same second."""
    return random.Random(second).choice(VALID + INVALID)  # noqa: S311 - a sample, not a secret
