"""Aggregates, as the Kinesis Producer Library puts them on a stream."""

import hashlib


def aggregated(*records: bytes) -> bytes:
    """What the Kinesis Producer Library makes of several user records."""

    def of_field(number: int, data: bytes) -> bytes:
        length, size = len(data), b""
        while length > 0x7F:
            length, size = length >> 7, size + bytes([length & 0x7F | 0x80])
        return bytes([number << 3 | 2]) + size + bytes([length]) + data

    message = of_field(1, b"a key") + b"".join(of_field(3, b"\x08\x00" + of_field(3, data)) for data in records)
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()  # noqa: S324 - the format's checksum
