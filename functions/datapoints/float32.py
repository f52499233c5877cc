"""The instrument's numbers: little-endian IEEE 754 single precision."""

import math
import struct

_FLOAT32 = struct.Struct("<f")


def decode(four_bytes: bytes) -> float:
    """The number that ``four_bytes`` are; every float32 is a double exactly.

    Raises
    ------
    ValueError
        Where they are not four, or no finite number.

    """
    if len(four_bytes) != _FLOAT32.size:
        raise ValueError("a value has 4 bytes")
    (number,) = _FLOAT32.unpack(four_bytes)
    if not math.isfinite(number):
        raise ValueError("a value is a finite number")
    return float(number)
