"""A simulated source: an instrument whose reading drifts, and which misbehaves now and then."""

import math
import random
import struct
from typing import Any

_BAD_ANSWERS: tuple[Any, ...] = (
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


class OutOfService(Exception):
    """The instrument gives no answer now."""


def answer(now: float, dice: random.Random) -> Any:
    """What the instrument answers at ``now`` (Unix seconds).

    Of a hundred answers about 2 are none, 3 are bad, 5 are old, 8 have the tag ``system`` and 8 ``suspect``.

    Raises
    ------
    OutOfService
        Where it answers 503.

    """
    roll = dice.randrange(100)
    if roll < 2:
        raise OutOfService
    if roll < 5:
        return dice.choice(_BAD_ANSWERS)
    time = int(now) - (_OLD_SECONDS if roll < 10 else 0)
    tags = ["simulated"]
    if roll < 18 and roll >= 10:
        tags.append("system")
    elif roll < 26 and roll >= 18:
        tags.append("suspect")
    value = math.sin(time / _HALF_A_DAY * math.tau) + dice.gauss(0, 0.05)
    return {"time": time, "value": list(struct.pack("<f", value)), "tags": tags}
