"""From the stream's records to the table: which are detections, their ids and times, and the cost."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from detections import arrival, on_stream_index, quarantine
from sitewatch import ids
from sitewatch.delivery import DeliveryFailed
from sitewatch.retrying import ATTEMPTS
from tests.world.faults import Fault, Wire
from tests.world.pipeline import ARRIVAL, Pipeline, Record, moved, quarantined, stored, vehicle


def indexed(*records: Record) -> dict[str, dict[str, Any]]:
    """The table after a batch of these records."""
    with Wire() as wire:
        Pipeline(wire).index(records)
        return stored()


def only(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    (item,) = table.values()
    return item


class TestIdentity:
    def test_a_record_without_an_id_gets_one_from_its_position_in_the_stream(self) -> None:
        record = Record.of(1, vehicle())
        assert indexed(record).keys() == indexed(record).keys()
        assert len(indexed(record, moved(record, 2))) == 2
        assert len(indexed(Record.of(1, vehicle(), shard="shardId-000000000001"))) == 3

    def test_a_generated_id_sorts_by_the_time_of_arrival(self) -> None:
        earlier, later = Record.of(9, vehicle()), Record.of(1, vehicle(), arrived_at=ARRIVAL + timedelta(seconds=1))
        table = indexed(earlier, later)
        assert [item["created_at"] for _, item in sorted(table.items())] == [
            "2026-11-22T06:10:30.000000Z",
            "2026-11-22T06:10:31.000000Z",
        ]
        assert min(table) == ids.derived_id(ARRIVAL, earlier.shard, earlier.sequence_number)

    def test_records_with_one_id_are_one_detection_wherever_they_arrive(self) -> None:
        table = indexed(Record.of(1, vehicle(id="a")), Record.of(2, vehicle(id="a"), shard="shardId-000000000001"))
        assert table.keys() == {"a"}


class TestTime:
    def test_the_time_defaults_to_the_time_of_arrival(self) -> None:
        assert only(indexed(Record.of(1, vehicle())))["created_at"] == "2026-11-22T06:10:30.000000Z"

    def test_a_reported_time_is_stored_in_utc(self) -> None:
        report = vehicle(created_at="2026-01-01T00:30:00.25+01:00")
        assert only(indexed(Record.of(1, report)))["created_at"] == "2025-12-31T23:30:00.250000Z"

    def test_a_repeated_id_without_a_time_keeps_the_time_of_its_first_arrival(self) -> None:
        record = Record.of(1, vehicle(id="a"))
        first = indexed(record)
        again = Record.of(2, vehicle(id="a"), arrived_at=ARRIVAL + timedelta(hours=3))
        assert indexed(again) == first
        assert indexed(again, record) == first

    @pytest.mark.parametrize("together", [True, False])
    @pytest.mark.parametrize("dated_first", [True, False])
    def test_a_reported_time_wins_over_a_time_of_arrival(self, together: bool, dated_first: bool) -> None:
        records = [Record.of(1, vehicle(id="a", created_at="2026-03-04T05:06:07Z")), Record.of(2, vehicle(id="a"))]
        records = records if dated_first else records[::-1]
        for batch in [records] if together else [[record] for record in records]:
            table = indexed(*batch)
        assert only(table)["created_at"] == "2026-03-04T05:06:07.000000Z"
        assert only(table)["position"] == "2026-03-04T05:06:07.000000Z#a"


class TestShape:
    def test_the_keys_may_be_capitalized(self) -> None:
        table = indexed(Record.of(1, {"Year": 2019, "Make": "Kia", "Model": "Rio", "Category": "Sedan", "id": "a"}))
        assert {name: only(table)[name] for name in ("year", "make", "model", "category")} == {
            "year": 2019,
            "make": "Kia",
            "model": "Rio",
            "category": "Sedan",
        }

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
            (b"", "record: Invalid JSON"),
            (b"noise", "record: Invalid JSON"),
            (b"\xff\xfe", "record: Invalid JSON"),
            (b'{"make": "\\ud800"}', "record: Invalid JSON"),
            (b"[]", "record: Input should be an object"),
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
        table = indexed(Record.of(1, vehicle(id="a")), Record(2, b"noise"), Record.of(3, vehicle(id="b")))
        assert table.keys() == {"a", "b"}
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
        rejected = arrival.Rejected(arrival.KinesisRecord.of(Record(1, b"noise").event()), "x" * 5000)
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
