"""Read the aggregates that the Kinesis Producer Library (KPL) makes of several user records.

An aggregate is four magic bytes, a Protocol Buffers message and the message's MD5. The message has the user records in
its field 3, and each of those has its data in its field 3. Source: "KPL Aggregated Record Format" in the repository
awslabs/amazon-kinesis-producer; see also ``docs/decisions/0013-several-detections-in-one-record.md``.
"""

import hashlib
from collections.abc import Iterator

MAGIC = b"\xf3\x89\x9a\xc2"
_MD5_LENGTH = 16
_RECORDS = 3
_DATA = 3

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def is_aggregate(data: bytes) -> bool:
    """Whether ``data`` starts like an aggregate."""
    return data.startswith(MAGIC)


def user_records(data: bytes) -> list[bytes]:
    """The data of each user record of an aggregate.

    Raises
    ------
    ValueError
        If the aggregate is damaged.

    """
    message, digest = data[len(MAGIC) : -_MD5_LENGTH], data[-_MD5_LENGTH:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise ValueError("its checksum is wrong")
    return [part for record in _fields(message, _RECORDS) for part in _fields(record, _DATA)]


def _fields(message: bytes, wanted: int) -> Iterator[bytes]:
    """The values of a field of bytes, in order."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _BYTES:
            length, start = _varint(message, at)
            at = start + length
            if at <= len(message) and key >> 3 == wanted:
                yield message[start:at]
        elif kind in (_FIXED_64, _FIXED_32):
            at += 8 if kind == _FIXED_64 else 4
        else:
            raise ValueError("it has a field of an unknown type")
    if at > len(message):
        raise ValueError("it is truncated")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The variable-length number at a place, and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        if at == len(message):
            raise ValueError("it is truncated")
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
    raise ValueError("it has a number that is too long")
