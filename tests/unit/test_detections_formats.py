"""Which detections are in a record's bytes, and the name of any other format."""

import base64
import gzip
import hashlib
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detections import aggregate, formats
from detections.formats import NoDetections
from tests.world.aggregates import aggregated
from tests.world.pipeline import vehicle

# Made by aws_kinesis_agg 1.2.3 from three user records with two partition keys and an explicit hash key.
MADE_BY_THE_LIBRARY = (
    "84mawgoIY2FtZXJhLTAKCGNhbWVyYS0xEgUxMjM0NRpICAAQABpCeyJ5ZWFyIjogMjAyMSwgIm1ha2UiOiAiS2lhIiwgIm1vZGVsIjogIlJpbyAwIiwg"
    "ImNhdGVnb3J5IjogIlNVViJ9GkgIARAAGkJ7InllYXIiOiAyMDIxLCAibWFrZSI6ICJLaWEiLCAibW9kZWwiOiAiUmlvIDEiLCAiY2F0ZWdvcnkiOiAi"
    "U1VWIn0aSAgAEAAaQnsieWVhciI6IDIwMjEsICJtYWtlIjogIktpYSIsICJtb2RlbCI6ICJSaW8gMiIsICJjYXRlZ29yeSI6ICJTVVYifXmUxC2LXb5l"
    "7nCmru3xmT8="
)


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


def values(data: bytes) -> list[Any]:
    return [part.value for part in formats.parts(data)]


def problem(data: bytes) -> str:
    with pytest.raises(NoDetections) as refusal:
        formats.parts(data)
    return str(refusal.value)


THREE = [vehicle(model=f"model {number}") for number in range(3)]
LINES = "\n".join(map(json.dumps, THREE)).encode()
SEVERAL = {
    "a list": json.dumps(THREE).encode(),
    "a list over several lines": json.dumps(THREE, indent=2).encode(),
    "JSON Lines": LINES + b"\n",
    "JSON Lines with empty lines and Windows line ends": LINES.replace(b"\n", b"\r\n\r\n"),
    "JSON Lines after a byte order mark": b"\xef\xbb\xbf" + LINES,
    "objects over several lines": "\n".join(json.dumps(one, indent=2) for one in THREE).encode(),
    "concatenated objects": "".join(map(json.dumps, THREE)).encode(),
    "lists and objects": (json.dumps(THREE[:2]) + json.dumps(THREE[2])).encode(),
    "an aggregate": aggregated(*(json.dumps(one).encode() for one in THREE)),
    "an aggregate of lists": aggregated(json.dumps(THREE[:1]).encode(), json.dumps(THREE[1:]).encode()),
}


@pytest.mark.parametrize("data", SEVERAL.values(), ids=SEVERAL.keys())
def test_several_objects_in_one_record_are_found_in_order(data: bytes) -> None:
    assert values(data) == THREE
    assert values(gzip.compress(data)) == THREE
    assert [json.loads(part.data) for part in formats.parts(data)] == THREE


def test_gzip_may_have_several_members_and_be_in_an_aggregate() -> None:
    packed = [gzip.compress(json.dumps(one).encode()) for one in THREE]
    assert values(b"".join(packed)) == THREE
    assert values(aggregated(*packed)) == THREE


def test_an_aggregate_of_the_real_library_is_read() -> None:
    data = base64.b64decode(MADE_BY_THE_LIBRARY)
    assert [value["model"] for value in values(data)] == ["Rio 0", "Rio 1", "Rio 2"]


VALUES = st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5)
OBJECTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=3)


@settings(max_examples=25, deadline=None)
@given(
    objects=st.lists(OBJECTS, min_size=1, max_size=6),
    separators=st.lists(st.sampled_from(["", " ", "\n", "\r\n\t"]), min_size=6, max_size=6),
    is_ascii=st.booleans(),
    as_list=st.booleans(),
)
def test_whatever_json_has_is_read_the_same(
    objects: list[dict[str, Any]], separators: list[str], is_ascii: bool, as_list: bool
) -> None:
    texts = [json.dumps(one, ensure_ascii=is_ascii) for one in objects]
    spaced = [text + space for text, space in zip(texts, separators, strict=False)]
    text = f"[{','.join(spaced)}]" if as_list else "".join(spaced)
    assert values(text.encode()) == objects
    assert [part.data.decode() for part in formats.parts(text.encode())] == texts


class TestBroken:
    def test_a_broken_line_leaves_the_others(self) -> None:
        lines = [b'{"a": 1}', b'{"a": ', b"noise", b'{"a": 2}', b'[{"a": 3}, {"a"', b'{"a": 4}']
        found = formats.parts(b"\n".join(lines))
        assert [part.value for part in found if not part.problem] == [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}]
        assert b"\n".join(part.data for part in found if part.problem) == b'{"a": \nnoise\n{"a"'
        assert [part.problem for part in found if part.problem] == [
            "JSON with an error in line 2, column 1: Expecting value",
            "JSON with an error in line 2, column 1: Expecting ':' delimiter",
        ]

    def test_the_rest_of_a_truncated_list_is_one_part(self) -> None:
        good, bad = formats.parts(b'[\n  {"a": 1},\n  {"a": oops},\n  {"a": 3}\n]')
        assert good.value == {"a": 1}
        assert (bad.data, bad.problem) == (
            b'{"a": oops},\n  {"a": 3}\n]',
            "JSON with an error in line 1, column 7: Expecting value",
        )

    def test_the_damaged_parts_of_an_aggregate_leave_the_others(self) -> None:
        found = formats.parts(aggregated(b'{"a": 1}', b"\x89PNG...", gzip.compress(b'{"a": 2}')[:-4], b'{"a": 3}'))
        assert [part.problem or part.value for part in found] == [{"a": 1}, "a PNG image", "damaged gzip", {"a": 3}]

    @settings(max_examples=60, deadline=None)
    @given(cut=st.integers(0, 400), byte=st.integers(0, 255))
    @example(cut=3, byte=0xC2)
    def test_a_damaged_aggregate_is_rejected_and_never_half_read(self, cut: int, byte: int) -> None:
        whole = base64.b64decode(MADE_BY_THE_LIBRARY)
        cut %= len(whole)
        damaged = whole[:cut] + bytes([byte]) + whole[cut + 1 :]
        if damaged != whole:
            problem(damaged)
        problem(whole[:cut])

    @settings(max_examples=60, deadline=None)
    @given(message=st.binary(max_size=40))
    @example(message=b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
    @example(message=b"\x1a\x05\x1a")
    @example(message=b"\x1b")
    @example(message=b"\x09\x00\x0d\x00")
    def test_an_aggregate_of_noise_with_a_right_checksum_is_an_error_or_empty(self, message: bytes) -> None:
        data = aggregate.MAGIC + message + hashlib.md5(message).digest()  # noqa: S324 - the format's checksum
        problem(data)


class TestNames:
    @pytest.mark.parametrize(
        ("data", "name"),
        [
            (b"", "empty"),
            (b" \n\t", "empty"),
            (b"\x89PNG\r\n\x1a\n", "a PNG image"),
            (b"\xff\xd8\xff\xe0", "a JPEG image"),
            (b"%PDF-1.7", "a PDF document"),
            (b"PK\x03\x04...", "a ZIP archive (or a file of Excel, Word or Java)"),
            (b"Obj\x01\x04\x14avro.codec", "Avro"),
            (b"PAR1", "Parquet"),
            (b"BZh91AY", "bzip2"),
            (b"(\xb5/\xfd...", "Zstandard"),
            (b"RIFF....WEBPVP8", "a WebP image"),
            (b"....ftypmp42", "an MP4 video or HEIF image"),
            (gzip.compress(b"id,make\n1,Kia", mtime=0), "CSV text"),
            (gzip.compress(b"{}", mtime=0)[:-1], "damaged gzip"),
            (b"\x1f\x8bnot gzip", "damaged gzip"),
            ('{"a": 1}'.encode("utf-16"), "UTF-16 text"),
            ('{"a": 1}'.encode("utf-16-le"), "UTF-16 text"),
            ('[{"a": 1}]'.encode("utf-16-be"), "UTF-16 text"),
            ('{"make": "Škoda"}'.encode("cp1250"), "not UTF-8 text"),
            (b"\xa4\x00\xf3\x02", "not UTF-8 text"),
            (b'<?xml version="1.0"?><vehicle/>', "XML"),
            (b"<!DOCTYPE html><title>", "HTML"),
            (b"year,make,model\n2020,Kia,Rio\n", "CSV text"),
            (b"year;make\r\n2020;Kia", "CSV text"),
            (b"year: 2020\nmake: Kia\n", "YAML"),
            (b"---\n- a", "YAML"),
            (b"year=2020&make=Kia", "a form (URL-encoded)"),
            (base64.b64encode(b'{"year": 2020}'), "JSON in base64"),
            (b"null", "JSON, but not an object"),
            (b'"text"', "JSON, but not an object"),
            (b"7", "JSON, but not an object"),
            (b"[]", "a JSON list without objects"),
            (b"[1, [{}]]", "a JSON list without objects"),
            (b'{"year": 2020', "JSON with an error in line 1, column 14: Expecting ',' delimiter"),
            (b'{"year": 2020,\n oops}', "JSON with an error in line 2, column 2: Expecting property name"),
            (b"[" * 100_000, "JSON with an error in line 1, column 100000: nested too deeply"),
            (b"ERROR: door open", "text that is not JSON"),
            (b"noise", "text that is not JSON"),
            (aggregate.MAGIC + b"\x00" * 20, "a damaged KPL aggregate: its checksum is wrong"),
        ],
    )
    def test_another_format_is_named(self, data: bytes, name: str) -> None:
        assert problem(data).startswith(name)

    @settings(max_examples=60, deadline=None)
    @given(data=st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
    def test_any_other_bytes_have_a_name_or_are_read(self, data: bytes) -> None:
        with suppress(NoDetections):
            assert formats.parts(data)
            return
        assert problem(data)


class TestLimits:
    def test_gzip_may_not_unpack_to_more_than_eight_mebibytes(self) -> None:
        fitting = b"{}".ljust(formats.MAX_UNPACKED_BYTES)
        assert values(gzip.compress(fitting)) == [{}]
        assert problem(gzip.compress(fitting + b" ")) == "gzip of more than 8388608 bytes"
        half = gzip.compress(fitting[: formats.MAX_UNPACKED_BYTES // 2 + 1])
        assert problem(aggregated(half, half)) == "gzip of more than 8388608 bytes"

    def test_gzip_in_gzip_ends_somewhere(self) -> None:
        data = b"{}"
        for _ in range(10):
            data = gzip.compress(data)
        assert problem(data) == "packed more than 4 times"

    def test_a_record_has_at_most_twenty_thousand_parts(self) -> None:
        assert len(values(b"{}" * 20_000)) == 20_000
        assert problem(b"{}" * 20_001) == "more than 20000 parts in one record"

    @pytest.mark.parametrize(
        "data",
        [
            b'{"k":[\n' * 900 + b'{"z":1},\n' * 100_000,
            b'{"a":1}\n' + b"[\n" * 500_000,
            b'{"a":1}\n' + b'{"a":\n' * 150_000,
            b'{"a":' + b"9" * 1_000_000 + b"}",
            b"a: " + b" " * 1_000_000 + b"x\n",
        ],
        ids=["unfinished objects", "brackets", "keys", "a long number", "blanks"],
    )
    def test_bad_input_takes_time_in_proportion_to_its_size(self, data: bytes) -> None:
        began = time.process_time()
        with suppress(NoDetections):
            formats.parts(data)
        assert time.process_time() - began < 2
