"""From the stream's records to the table: which are detections, their ids and times, and the cost."""

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from detections import arrival, on_stream_index, quarantine
from sitewatch import clock, ids
from sitewatch.delivery import DeliveryFailed
from sitewatch.names import fold
from sitewatch.retrying import ATTEMPTS
from tests.world.aggregates import aggregated
from tests.world.faults import Fault, Wire
from tests.world.pipeline import (
    ARRIVAL,
    Pipeline,
    Record,
    moved,
    quarantined,
    quarantined_indexes,
    reported,
    stored,
    vehicle,
)


def indexed(*records: Record) -> dict[str, dict[str, Any]]:
    """The table after a batch of these records."""
    with Wire() as wire:
        Pipeline(wire).index(records)
        return stored()


def only(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    (item,) = table.values()
    return item


class TestIdentity:
    def test_the_same_record_delivered_again_is_the_same_detection(self) -> None:
        for report in (vehicle(), vehicle(id="a"), vehicle(created_at="2026-01-01T00:00:00Z", source="gate")):
            before = indexed(Record.of(1, report))
            assert indexed(Record.of(1, report)) == before

    @pytest.mark.parametrize("dated", [{}, {"created_at": "2026-01-01T00:00:00Z"}])
    def test_without_a_reported_id_each_record_is_a_detection_of_its_own(self, dated: dict[str, str]) -> None:
        record = Record.of(1, vehicle(**dated))
        assert len(indexed(record, moved(record, 2))) == 2
        assert len(indexed(Record.of(1, vehicle(**dated), shard="shardId-000000000001"))) == 3

    @pytest.mark.parametrize("dated", [{}, {"created_at": "2026-01-01T00:00:00Z"}])
    def test_the_same_report_with_an_id_is_one_detection_wherever_and_whenever_it_arrives(
        self, dated: dict[str, str]
    ) -> None:
        report = vehicle(id="a", **dated)
        again = Record.of(7, report, shard="shardId-000000000001", arrived_at=ARRIVAL + timedelta(days=3))
        first = indexed(Record.of(1, report))
        assert indexed(again, Record.of(8, report)) == first

    @pytest.mark.parametrize(
        "differing",
        [
            {"source": "another gate"},
            {"id": "b"},
            {"year": 2021},
            {"make": "KIA"},
            {"model": "Rio"},
            {"category": "Sedan"},
            {"created_at": "2026-01-01T00:00:00.000001Z"},
        ],
    )
    @pytest.mark.parametrize("created_at", ["2026-01-01T00:00:00Z", None])
    def test_a_report_that_differs_in_anything_is_another_detection(
        self, created_at: str | None, differing: dict[str, Any]
    ) -> None:
        report = vehicle(id="a", source="gate", **({"created_at": created_at} if created_at else {}))
        before = indexed(Record.of(1, report))
        after = indexed(Record.of(2, {**report, **differing}))
        assert len(after) == 2
        assert before.items() <= after.items()

    def test_parts_cannot_be_shifted_from_one_field_to_another(self) -> None:
        table = indexed(
            Record.of(1, vehicle(id="ab", make="c")),
            Record.of(2, vehicle(id="a", make="bc")),
            Record.of(3, {**vehicle(make="id", model="a"), "source": "gate"}),
            Record.of(4, {**vehicle(make="a", model="id"), "source": "gate"}),
        )
        assert len(table) == 4

    def test_the_same_instant_and_the_same_letters_in_other_forms_are_the_same_detection(self) -> None:
        table = indexed(
            Record.of(1, vehicle(id="a", make="Citro\u00ebn", created_at="2026-01-01T00:00:00Z")),
            Record.of(2, vehicle(id="a", make="Citroe\u0308n", created_at="2026-01-01T01:00:00.000+01:00")),
        )
        assert only(table)["make"] == "Citro\u00ebn"

    def test_the_id_is_ours_and_contains_the_time(self) -> None:
        (undated,) = indexed(Record.of(1, vehicle()))
        (dated,) = indexed(Record.of(2, vehicle(created_at="2026-01-01T00:00:00Z", id="mine"))).keys() - {undated}
        assert ids.time_of(undated) == ARRIVAL
        assert clock.format_time(ids.time_of(dated)) == "2026-01-01T00:00:00Z"
        assert stored()[dated]["reported_id"] == "mine"
        assert "reported_id" not in stored()[undated]

    def test_a_record_without_a_source_has_an_unknown_one(self) -> None:
        indexed(Record.of(1, vehicle(id="a")), Record.of(2, vehicle(id="b", source="Gate 7")))
        assert {name: item["source"] for name, item in reported().items()} == {"a": "unknown", "b": "Gate 7"}

    def test_entry_ids_tell_vehicles_apart_that_look_the_same(self) -> None:
        one, other = ids.new_id(), ids.new_id()
        dated = vehicle(created_at="2026-01-01T00:00:00Z")
        records = [{**dated, "entry_id": one}, {**dated, "entry_id": other}, {**dated, "entry_id": one}]
        assert len(indexed(*(Record.of(number, report) for number, report in enumerate(records)))) == 2

    def test_an_entry_that_arrives_twice_has_the_time_when_it_was_put_and_needs_no_lookup(self) -> None:
        entry_id = ids.min_id(ARRIVAL - timedelta(seconds=2))
        with Wire() as wire:
            for number in range(2):
                arrived_at = ARRIVAL + timedelta(seconds=number)
                Pipeline(wire).index([Record.of(number, vehicle(entry_id=entry_id), arrived_at=arrived_at)])
            assert {made.operation for made in wire.calls} == {"BatchWriteItem"}
        assert only(stored())["created_at"] == "2026-11-22T06:10:28.000000Z"

    def test_a_time_of_an_entry_is_not_after_its_arrival(self) -> None:
        report = vehicle(entry_id=ids.min_id(ARRIVAL + timedelta(days=1)))
        for number in range(2):
            table = indexed(Record.of(number, report))
            assert only(table)["created_at"] == "2026-11-22T06:10:30.000000Z"


class TestTime:
    def test_the_time_defaults_to_the_time_of_arrival(self) -> None:
        assert only(indexed(Record.of(1, vehicle())))["created_at"] == "2026-11-22T06:10:30.000000Z"

    def test_a_reported_time_is_stored_in_utc(self) -> None:
        report = vehicle(created_at="2026-01-01T00:30:00.25+01:00")
        assert only(indexed(Record.of(1, report)))["created_at"] == "2025-12-31T23:30:00.250000Z"

    def test_a_reported_time_without_an_offset_is_in_utc(self) -> None:
        report = vehicle(created_at="2022-05-07T04:51:08.381523")
        assert only(indexed(Record.of(1, report)))["created_at"] == "2022-05-07T04:51:08.381523Z"

    def test_a_repeated_id_without_a_time_keeps_the_time_of_its_first_arrival(self) -> None:
        record = Record.of(1, vehicle(id="a"))
        first = indexed(record)
        again = Record.of(2, vehicle(id="a"), arrived_at=ARRIVAL + timedelta(hours=3))
        assert indexed(again) == first
        assert indexed(again, record) == first

    def test_of_two_in_one_batch_the_first_one_to_arrive_is_kept(self) -> None:
        later = Record.of(2, vehicle(id="a"), arrived_at=ARRIVAL + timedelta(hours=3))
        assert only(indexed(Record.of(1, vehicle(id="a")), later))["created_at"] == "2026-11-22T06:10:30.000000Z"


class TestSeveral:
    def test_three_equal_lines_in_one_record_are_three_detections_however_often_it_is_delivered(self) -> None:
        line = json.dumps(vehicle()).encode()
        record = Record(1, b"\n".join([line] * 3))
        assert len(indexed(record)) == 3
        assert indexed(record).keys() == indexed(record, record).keys()

    @pytest.mark.parametrize("pack", [aggregated, lambda *data: gzip.compress(b"".join(data))])
    def test_packed_detections_are_indexed(self, pack: Callable[..., bytes]) -> None:
        data = pack(*(json.dumps(vehicle(id=name)).encode() for name in "abc"))
        indexed(Record(1, data))
        assert reported().keys() == {"a", "b", "c"}

    def test_bad_parts_go_to_quarantine_with_their_own_bytes_and_index(self) -> None:
        parts = [json.dumps(vehicle(id="a")), '{"year": 7}', "7", json.dumps(vehicle(id="b")), "[]"]
        data = f"[{', '.join(parts)}]".encode()
        for _ in range(2):
            indexed(Record(1, data))
        assert reported().keys() == {"a", "b"}
        reasons = dict(quarantined())
        assert list(reasons) == [b'{"year": 7}', b"7", b"[]"]
        assert reasons[b'{"year": 7}'].startswith("year: Input should be greater than or equal to 1886; make: Field")
        assert reasons[b"7"] == "JSON, but not an object"
        assert quarantined_indexes() == [1, 2, 4]

    def test_a_record_with_bad_parts_only_is_kept_whole(self) -> None:
        data = b'{"year": 7}\n{"year": "my secret"}'
        indexed(Record(1, data))
        ((kept, reason),) = quarantined()
        assert kept == data
        assert reason.startswith("0: year: Input should be greater than")
        assert "; 1: year: Input should be a valid integer" in reason
        assert quarantined_indexes() == [None]

    def test_a_bad_part_of_an_aggregate_can_be_put_on_the_stream_by_itself(self) -> None:
        bad = json.dumps(vehicle(year="2020")).encode()
        indexed(Record(1, aggregated(json.dumps(vehicle(id="a")).encode(), bad)))
        assert [kept for kept, _ in quarantined()] == [bad]

    def test_one_record_cannot_flood_the_quarantine(self) -> None:
        bad = [b'{"number": %d}' % number for number in range(1000)]
        indexed(Record(1, b"\n".join([json.dumps(vehicle()).encode(), *bad])))
        kept = quarantined()
        assert len(kept) == arrival.MAX_REJECTED_PARTS
        assert b"\n".join(data for data, _ in kept) == b"\n".join(bad)
        assert kept[-1][1].endswith("(and 900 more)")


class TestShape:
    @pytest.mark.parametrize("change", [str.capitalize, str.upper, str.title, str.swapcase])
    def test_the_keys_may_have_any_letter_case(self, change: Callable[[str], str]) -> None:
        report = vehicle(id="a", source="gate", created_at="2026-01-01T00:00:00Z")
        item = only(indexed(Record.of(1, {change(name): value for name, value in report.items()})))
        expected = {"reported_id": "a", **report, "created_at": "2026-01-01T00:00:00.000000Z"}
        del expected["id"]
        assert item.items() >= expected.items()

    def test_a_key_in_lower_case_wins(self) -> None:
        assert only(indexed(Record.of(1, vehicle(YEAR=1999))))["year"] == 2020

    def test_unknown_keys_are_ignored(self) -> None:
        assert "colour" not in only(indexed(Record.of(1, vehicle(colour="red"))))

    @pytest.mark.parametrize("category", ["SUV", "suv", "Suv", "sUV"])
    def test_a_suspicious_category_is_recognized_in_any_letter_case(self, category: str) -> None:
        item = only(indexed(Record.of(1, vehicle(category=category))))
        assert item["suspicious"] is True
        assert item["category"] == category

    @pytest.mark.parametrize(
        "category", ["SUV Coupe", "Compact SUV", "S U V", "SUV ", "SU", "SUVs", "\uff33\uff35\uff36"]
    )
    def test_a_category_that_only_contains_a_suspicious_one_is_not_suspicious(self, category: str) -> None:
        assert only(indexed(Record.of(1, vehicle(category=category))))["suspicious"] is False

    def test_every_configured_category_is_suspicious(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrival, "_SUSPICIOUS", frozenset({"suv", "straße".casefold()}))
        assert [arrival.is_suspicious(name) for name in ("Suv", "STRASSE", "Van")] == [True, True, False]

    def test_a_suspicious_category_is_recognized_in_any_unicode_form(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrival, "_SUSPICIOUS", frozenset({fold("gel\u00e4ndewagen")}))
        assert arrival.is_suspicious("GELA\u0308NDEWAGEN")

    @pytest.mark.parametrize(
        "name", ["Škoda", "长安", "💥", "a" * 64, "Van/Minivan", 'O\'Neill "quoted"', "\u2028", "#", "~"]
    )
    def test_names_are_stored_unchanged(self, name: str) -> None:
        item = only(indexed(Record.of(1, vehicle(make=name, model=name, category=name))))
        assert (item["make"], item["model"], item["category"]) == (name, name, name)


class TestQuarantine:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "empty"),
            (b"noise", "text that is not JSON"),
            (b"\xff\xfe", "UTF-16 text"),
            (b"[]", "a JSON list without objects"),
            (b'{"year": 2020, ', "JSON with an error in line 1, column 16"),
            (b'{"year": NaN}', "year: Input should be a valid integer"),
            (b'{"year": ' + b"9" * 5000 + b"}", "year: Input should be a valid integer"),
            (json.dumps(vehicle(make="\ud800")).encode(), "make: Input should be a valid string"),
            (json.dumps(vehicle(source="gate/7")).encode(), "source: Value error, a name has letters"),
            (json.dumps(vehicle(year="2020")).encode(), "year: Input should be a valid integer"),
            (json.dumps(vehicle(year=True)).encode(), "year: Input should be a valid integer"),
            (json.dumps(vehicle(year=2020.0)).encode(), "year: Input should be a valid integer"),
            (json.dumps(vehicle(year=1885)).encode(), "year: Input should be greater than or equal to 1886"),
            (json.dumps(vehicle(year=10**30)).encode(), "year: Input should be less than or equal to 2200"),
            (json.dumps(vehicle(make=None)).encode(), "make: Input should be a valid string"),
            (json.dumps(vehicle(model="a\nb")).encode(), "model: String should match pattern"),
            (json.dumps(vehicle(model="\uffff")).encode(), "model: String should match pattern"),
            (json.dumps(vehicle(created_at=1790000000)).encode(), "created_at: Value error, a time is text"),
            (json.dumps(vehicle(created_at="1969-12-31T23:59:59Z")).encode(), "created_at: Value error"),
            (json.dumps(vehicle(id=7)).encode(), "id: Input should be a valid string"),
            (json.dumps({"year": 2020}).encode(), "make: Field required; model: Field required"),
        ],
    )
    def test_a_rejected_record_goes_to_quarantine_with_its_bytes_and_the_reason(self, data: bytes, reason: str) -> None:
        assert indexed(Record(1, data)) == {}
        ((kept, why),) = quarantined()
        assert kept == data
        assert why.startswith(reason)

    def test_a_reason_does_not_repeat_the_input(self) -> None:
        indexed(Record.of(1, vehicle(year="my secret", created_at="my secret", id=["my secret"])))
        assert "my secret" not in quarantined()[0][1]

    def test_the_rest_of_its_batch_is_indexed(self) -> None:
        indexed(Record.of(1, vehicle(id="a")), Record(2, b"noise"), Record.of(3, vehicle(id="b")))
        assert reported().keys() == {"a", "b"}
        assert [data for data, _ in quarantined()] == [b"noise"]

    @pytest.mark.parametrize("size", [quarantine._MAX_INLINE_BYTES, quarantine._MAX_INLINE_BYTES + 1, 1024 * 1024])
    def test_a_large_rejected_record_is_kept_whole(self, size: int) -> None:
        data = bytes(range(256)) * (size // 256 + 1)
        indexed(Record(1, data[:size]))
        assert quarantined()[0][0] == data[:size]

    def test_a_record_over_a_mebibyte_is_rejected_even_if_otherwise_valid(self) -> None:
        report = json.dumps(vehicle()).encode()
        fitting, larger = report.ljust(1024 * 1024), report.ljust(1024 * 1024 + 1)
        assert len(indexed(Record(1, fitting), Record(2, larger))) == 1
        assert quarantined() == [(larger, "larger than 1048576 bytes")]

    def test_a_redelivered_batch_leaves_each_record_there_once(self) -> None:
        for _ in range(3):
            indexed(Record(1, b"noise"), Record(2, b"noise"), Record(1, b"noise", shard="shardId-000000000001"))
        assert len(quarantined()) == 3

    def test_a_long_reason_is_truncated(self) -> None:
        rejected = arrival.Rejected(arrival.KinesisRecord.of(Record(1, b"noise").event()), "x" * 5000, b"noise")
        quarantine.keep([rejected])
        assert quarantined() == [(b"noise", "x" * 1024)]


def event_of(*records: Record) -> dict[str, Any]:
    return {"Records": [record.event() for record in records]}


class TestFailing:
    def test_a_queue_that_keeps_rejecting_fails_the_batch(self) -> None:
        with Wire([Fault.PARTLY] * ATTEMPTS) as wire, pytest.raises(DeliveryFailed):
            Pipeline(wire).invoke(on_stream_index.handler, event_of(Record(1, b"noise")))

    def test_a_table_that_keeps_rejecting_fails_the_batch_and_the_next_delivery_stores_it(self) -> None:
        record = Record.of(1, vehicle())
        with Wire([Fault.PARTLY] * 20) as wire:
            pipeline = Pipeline(wire)
            assert not pipeline.accepts(on_stream_index.handler, event_of(record))
            assert stored() == {}
            pipeline.index([record])
        assert len(stored()) == 1

    def test_only_rejected_entries_are_sent_again(self) -> None:
        noise = [Record(number, b"noise") for number in range(10)]
        with Wire([Fault.PARTLY, Fault.PARTLY]) as wire:
            Pipeline(wire).index(noise)
            assert [len(call.parameters["Entries"]) for call in wire.operations("SendMessageBatch")] == [10, 5, 3]
        assert len(quarantined()) == 10


class TestCost:
    def operations(self, records: list[Record]) -> dict[str, int]:
        with Wire() as wire:
            Pipeline(wire).index(records)
            names = [call.operation for call in wire.calls]
        return {name: names.count(name) for name in names}

    def test_five_hundred_records_are_twenty_writes_and_nothing_else(self) -> None:
        assert self.operations([Record.of(number, vehicle()) for number in range(500)]) == {"BatchWriteItem": 20}

    def test_ids_without_a_time_are_looked_up_a_hundred_at_a_time(self) -> None:
        records = [Record.of(number, vehicle(id=f"id-{number}")) for number in range(500)]
        assert self.operations(records) == {"BatchGetItem": 5, "BatchWriteItem": 20}

    def test_one_id_five_hundred_times_is_one_write(self) -> None:
        records = [Record.of(number, vehicle(id="a")) for number in range(500)]
        assert self.operations(records) == {"BatchGetItem": 1, "BatchWriteItem": 1}

    def test_a_hundred_bad_records_are_ten_calls(self) -> None:
        assert self.operations([Record(number, b"noise") for number in range(100)]) == {"SendMessageBatch": 10}

    def test_a_call_to_the_quarantine_stays_below_its_limit(self) -> None:
        with Wire() as wire:
            Pipeline(wire).index([Record(number, b"\xff" * 100_000) for number in range(10)])
            sizes = [
                sum(len(entry["MessageBody"]) for entry in call.parameters["Entries"])
                for call in wire.operations("SendMessageBatch")
            ]
        assert max(sizes) <= 256 * 1024
        assert len(quarantined()) == 10

    def test_an_empty_batch_makes_no_calls(self) -> None:
        assert self.operations([]) == {}


def test_the_bytes_of_a_record_are_decoded_from_base64_once() -> None:
    event = Record.of(1, vehicle(make="+/==")).event()
    assert base64.b64decode(event["kinesis"]["data"]) == arrival.KinesisRecord.of(event).data
