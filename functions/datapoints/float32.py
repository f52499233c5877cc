"""Decode the instrument's values: little-endian IEEE 754 single precision."""

import math
import struct

_FLOAT32 = struct.Struct("<f")


def decode(four_bytes: bytes) -> float:
    """Decode ``four_bytes``. The result is exact, because every float32 is also a double.

    Raises
    ------
    ValueError
        If there are not four bytes, or the number is not finite.

    """
    if len(four_bytes) != _FLOAT32.size:
        raise ValueError("a value must have 4 bytes")
    (number,) = _FLOAT32.unpack(four_bytes)
    if not math.isfinite(number):
        raise ValueError("a value must be finite")
    return float(number)
