"""A simulated instrument, whose reading drifts and which fails now and then."""

import math
import random
import struct
from typing import Any

from sitewatch.simulation import CYCLE_SECONDS

_BAD_RESPONSES: tuple[Any, ...] = (
    {"time": "now", "value": [0, 0, 128, 63], "tags": []},
    {"time": 0.5, "value": [0, 0, 128, 63], "tags": []},
    {"value": [0, 0, 128, 63], "tags": []},
    {"time": 1_700_000_000, "value": [0, 0, 128], "tags": []},
    {"time": 1_700_000_000, "value": [0, 0, 192, 127], "tags": []},  # not a number
    {"time": 1_700_000_000, "value": [0, 0, 128, 256], "tags": []},
    ["no", "data"],
)
_OLD_SECONDS = 2 * 60 * 60
_HALF_A_DAY = 12 * 60 * 60
_FAILS = range(180, 420)
_TOO_HIGH = 1.75
"""The seconds of the simulated ten minutes in which the reading is out of range, and what it is then."""


class OutOfService(Exception):
    """The instrument is out of service."""


def respond(now: float, rng: random.Random) -> Any:
    """Return the instrument's response at ``now`` (Unix seconds).

    About 2 in 100 requests fail, 3 get invalid responses, 5 old ones, 8 the tag ``system`` and 8 ``suspect``. For four
    of every ten minutes the reading is out of range.

    Raises
    ------
    OutOfService
        If the instrument fails; the endpoint then responds with a 503.

    """
    roll = rng.randrange(100)
    if roll < 2:
        raise OutOfService
    if roll < 5:
        return rng.choice(_BAD_RESPONSES)
    time = int(now) - (_OLD_SECONDS if roll < 10 else 0)
    tags = ["simulated"]
    if 10 <= roll < 18:
        tags.append("system")
    elif 18 <= roll < 26:
        tags.append("suspect")
    is_failing = int(now) % CYCLE_SECONDS in _FAILS
    value = (_TOO_HIGH if is_failing else math.sin(time / _HALF_A_DAY * math.tau)) + rng.gauss(0, 0.05)
    return {"time": time, "value": list(struct.pack("<f", value)), "tags": tags}
