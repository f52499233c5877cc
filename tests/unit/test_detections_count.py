"""From the table's stream to the sums: each detection is counted once, whatever is redelivered."""

import math
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import TransactWriteError

from detections import counting, counts, on_table_change
from detections.changes import Change
from detections.model import CountRecord, DetectionRecord
from sitewatch import clock
from sitewatch.delivery import DeliveryFailed
from sitewatch.retrying import ATTEMPTS
from tests.world.faults import Call, Fault, Wire
from tests.world.pipeline import Pipeline, Record, ask, reported, stats, stored, vehicle

SHARD = "shardId-1"


def image(detection_id: str, *, hour: str = "2026-11-22T06", **differing: Any) -> dict[str, Any]:
    """A detection as the table's stream has it."""
    report = vehicle(**differing)
    created_at = f"{hour}:10:30.000000Z"
    return {
        "id": {"S": detection_id},
        "year": {"N": str(report["year"])},
        "make": {"S": report["make"]},
        "model": {"S": report["model"]},
        "category": {"S": report["category"]},
        "created_at": {"S": created_at},
        "suspicious": {"BOOL": report["category"] == "SUV"},
        "position": {"S": f"{created_at}#{detection_id}"},
        "time_partition": {"S": "0#"},
        "make_partition": {"S": f"0#{report['make'].casefold()}"},
        "category_partition": {"S": f"0#{report['category'].casefold()}"},
        "source": {"S": report.get("source", "gate")},
    }


def change(
    sequence_number: str, *, old: dict[str, Any] | None = None, new: dict[str, Any] | None = None
) -> dict[str, Any]:
    images = {"OldImage": old, "NewImage": new}
    return {
        "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "dynamodb": {
            "SequenceNumber": sequence_number,
            **{name: value for name, value in images.items() if value is not None},
        },
    }


def counted(*changes: dict[str, Any], shard: str = SHARD) -> dict[str, int]:
    """The result of /stats after a batch."""
    on_table_change.handler({"Records": list(changes), "shardId": shard}, None)
    return stats("make")


def months(field: str = "", value: str = "") -> dict[str, int]:
    """The detections in each month."""
    return {month: count for month, count in counts.months(field, value).items() if count}


class TestOnce:
    def test_a_redelivered_batch_is_skipped(self) -> None:
        batch = [change("100", new=image("a")), change("101", new=image("b"))]
        assert counted(*batch) == {"Kia": 2}
        assert counted(*batch) == {"Kia": 2}

    def test_only_the_new_changes_of_an_overlapping_batch_are_counted(self) -> None:
        batch = [change(str(100 + number), new=image(str(number))) for number in range(6)]
        assert counted(*batch[:3]) == {"Kia": 3}
        assert counted(*batch[1:5]) == {"Kia": 5}
        assert counted(*batch) == {"Kia": 6}

    def test_sequence_numbers_are_compared_as_numbers_whatever_their_length(self) -> None:
        assert counted(change("999", new=image("a"))) == {"Kia": 1}
        assert counted(change("1000", new=image("b"))) == {"Kia": 2}
        assert counted(change("999", new=image("a"))) == {"Kia": 2}
        longest = "1" + "0" * 39
        assert counted(change(longest, new=image("c"))) == {"Kia": 3}
        assert counted(change("1000", new=image("b")), change(longest, new=image("c"))) == {"Kia": 3}

    def test_each_shard_has_its_own_position(self) -> None:
        assert counted(change("200", new=image("a")), shard="one") == {"Kia": 1}
        assert counted(change("100", new=image("b")), shard="two") == {"Kia": 2}
        assert counted(change("100", new=image("b")), shard="two") == {"Kia": 2}

    def test_an_engine_that_names_no_shard_has_one_position(self) -> None:
        for _ in range(2):
            on_table_change.handler({"Records": [change("1", new=image("a"))]}, None)
        assert stats("make") == {"Kia": 1}

    def test_the_window_keeps_no_state(self) -> None:
        event = {"Records": [change("1", new=image("a"))], "shardId": SHARD, "state": {}, "window": {}}
        assert on_table_change.handler(event, None) == {"state": {}}


class TestSums:
    def test_every_grouping_of_stats_has_its_sums(self) -> None:
        counted(
            change("1", new=image("a", make="Kia", category="SUV", year=2020)),
            change("2", new=image("b", make="Audi", category="SUV", year=2021)),
            change("3", new=image("c", make="Kia", category="Sedan", year=2020)),
        )
        assert stats("make") == {"Audi": 1, "Kia": 2}
        assert stats("category") == {"SUV": 2, "Sedan": 1}
        assert stats("year") == {"2020": 2, "2021": 1}

    def test_makes_are_counted_by_default_and_keys_are_in_order(self) -> None:
        makes = ["b", "C", "a", "Ä", "10", "9"]
        counted(*[change(str(n), new=image(str(n), make=make)) for n, make in enumerate(makes)])
        assert list(ask("/stats").json) == ["10", "9", "a", "b", "C", "Ä"]

    def test_letter_case_and_unicode_form_make_no_difference_and_the_first_spelling_is_shown(self) -> None:
        makes = ["CITROËN", "Citroën", "CITROE\u0308N", "citroën"]
        counted(*[change(str(n), new=image(str(n), make=make, category=make)) for n, make in enumerate(makes)])
        assert (stats("make"), stats("category")) == ({"CITROËN": 4}, {"CITROËN": 4})
        later = change("9", new=image("9", make="Citroën"))
        assert counted(later) == {"CITROËN": 5}
        assert counted(later) == {"CITROËN": 5}
        removed = [change(str(10 + n), old=image(str(n), make=make)) for n, make in enumerate(makes)]
        assert counted(*removed) == {"CITROËN": 1}

    def test_a_count_that_is_stored_without_a_spelling_shows_its_value(self) -> None:
        CountRecord("make", "Kia", total=3).save()
        assert stats("make") == {"Kia": 3}

    def test_a_response_has_up_to_five_thousand_names_and_a_link_to_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert counts.MAX_TOTALS == 5000
        monkeypatch.setattr(counts, "MAX_TOTALS", 2)
        makes = ["a", "B", "c", "D", "e"]
        counted(*[change(str(n), new=image(str(n), make=make)) for n, make in enumerate(makes)])
        pages, query = [], {"by": "make"}
        while query:
            answer = ask("/stats", **query)
            pages.append(list(answer.json))
            query = answer.next_query or {}
        assert pages == [["a", "B"], ["c", "D"], ["e"]]
        assert ask("/stats", start="%").json["subcode"] == 4016

    def test_removed_detections_are_subtracted_and_values_without_any_disappear(self) -> None:
        counted(change("1", new=image("a")), change("2", new=image("b", make="Audi")))
        assert counted(change("3", old=image("a"))) == {"Audi": 1}

    def test_a_changed_detection_is_counted_under_its_new_values(self) -> None:
        counted(change("1", new=image("a", hour="2026-11-22T06")))
        moved = image("a", hour="2026-11-21T05", make="Audi", category="Sedan", year=2021)
        assert counted(change("2", old=image("a", hour="2026-11-22T06"), new=moved)) == {"Audi": 1}
        assert (stats("category"), stats("year")) == ({"Sedan": 1}, {"2021": 1})
        assert months() == months("category", "sedan") == months("source", "gate") == {"2026-11": 1}
        assert months("make", "kia") == {}
        assert {hour: count for hour, count in counts.hours("2026-11").items() if count} == {"2105": 1}

    def test_a_detection_added_and_removed_in_one_batch_leaves_only_the_position(self) -> None:
        batch = [change("1", new=image("a")), change("2", old=image("a"))]
        assert counted(*batch) == {}
        assert counted(batch[0]) == {}

    def test_the_cost_of_stats_does_not_grow_with_the_detections(self) -> None:
        with Wire() as wire:
            for number in range(3):
                counted(*[change(str(number * 100 + n), new=image(f"{number}-{n}")) for n in range(100)])
                with wire.invocation():
                    assert stats("make") == {"Kia": 100 * (number + 1)}
            assert [len(call.response["Items"]) for call in wire.calls] == [1, 1, 1]


class TestTransactions:
    def transactions(self, changes: list[dict[str, Any]]) -> list[int]:
        with Wire() as wire:
            assert Pipeline(wire).accepts(on_table_change.handler, {"Records": changes, "shardId": SHARD})
            assert {call.operation for call in wire.calls} <= {"Query", "TransactWriteItems", "PublishBatch"}
            assert len(wire.operations("Query")) == 1
            return [len(call.parameters["TransactItems"]) for call in wire.operations("TransactWriteItems")]

    def test_five_hundred_changes_to_few_sums_are_one_transaction(self) -> None:
        makes = [f"make {number}" for number in range(10)]
        changes = [
            change(str(number), new=image(str(number), make=makes[number % 10], year=2000 + number % 12))
            for number in range(500)
        ]
        # 10 makes, 12 years, 1 category; the months, hours and minutes of all, of each make, of the category and the
        # source; the position.
        assert self.transactions(changes) == [10 + 12 + 1 + 3 * (1 + 10 + 1 + 1) + 1]
        assert sum(stats("make").values()) == 500

    def test_more_sums_are_spread_over_transactions_of_at_most_a_hundred(self) -> None:
        changes = [change(str(n), new=image(str(n), make=f"make {n}")) for n in range(500)]
        sizes = self.transactions(changes)
        # The items of four sums for each make, and of eleven that all of them share, in the fewest parts.
        parts = math.ceil(500 * 4 / (counting.MAX_ITEMS_AT_ONCE - 11))
        assert sum(size - 1 for size in sizes) == 500 * 4 + parts * 11
        assert len(sizes) == math.ceil((500 * 4 + parts * 11) / counting.MAX_ITEMS)
        assert stats("make") == {f"make {n}": 1 for n in range(500)}

    def test_more_sums_of_an_item_than_fit_an_expression_are_in_two_transactions(self) -> None:
        each = [f"{1990 + n // 12}-{1 + n % 12:02}" for n in range(counting.MAX_SUMS_PER_ITEM + 1)]
        changes = [change(str(n), new=image(str(n), hour=f"{month}-07T08")) for n, month in enumerate(each)]
        assert len(self.transactions(changes)) == 2
        assert months() == months("make", "kia") == dict.fromkeys(each, 1)

    def test_five_hundred_changes_in_the_months_of_26_years_are_four_transactions(self) -> None:
        hours = [f"{2000 + n // 20}-{1 + n % 12:02}-{1 + n % 28:02}T{n % 24:02}" for n in range(500)]
        changes = [change(str(n), new=image(str(n), hour=hour)) for n, hour in enumerate(hours)]
        assert len(self.transactions(changes)) <= 4
        assert sum(months().values()) == 500

    @pytest.mark.parametrize(("seed", "makes"), [(1, 20), (2, 20), (3, 50), (4, 50)])
    def test_five_hundred_changes_of_many_makes_in_any_order_are_four_transactions_too(
        self, seed: int, makes: int
    ) -> None:
        drawn = random.Random(seed)
        changes = [
            change(
                str(n),
                new=image(
                    str(n),
                    hour=f"{drawn.randint(2000, 2025)}-{drawn.randint(1, 12):02}-{drawn.randint(1, 28):02}"
                    f"T{drawn.randrange(24):02}",
                    make=f"make {drawn.randrange(makes)}",
                    category=f"category {drawn.randrange(5)}",
                    year=1996 + drawn.randrange(30),
                    source=f"gate-{drawn.randrange(3)}",
                ),
            )
            for n in range(500)
        ]
        assert len(self.transactions(changes)) <= 4
        assert self.transactions(changes) == []
        assert sum(stats("make").values()) == sum(months().values()) == 500
        by_hour = {month: sum(counts.hours(month).values()) for month in months()}
        assert sum(number > 0 for number in by_hour.values()) == counting.MAX_MONTHS_WITH_HOURS
        assert all(number in (0, months()[month]) for month, number in by_hour.items())

    def test_an_import_leaves_no_hour_of_the_current_month_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counting, "MAX_MONTHS_WITH_HOURS", 12)
        monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 22, 7, tzinfo=UTC))
        hours = [f"20{year:02}-03-07T0{n}" for year in range(20) for n in range(3)]
        changes = [change(str(n), new=image(str(n), hour=hour)) for n, hour in enumerate([*hours, "2026-11-22T06"])]
        assert len(self.transactions(changes)) == 1
        assert counts.hours("2026-11") == {"2206": 1}
        counted_by_hour = [year for year in range(20) if counts.hours(f"20{year:02}-03")]
        assert len(counted_by_hour) == counting.MAX_MONTHS_WITH_HOURS

    def test_a_removal_is_subtracted_from_hours_that_did_not_count_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counting, "MAX_MONTHS_WITH_HOURS", 1)
        hours = ["2001-01-01T01", "2001-01-01T01", "2002-02-02T02"]
        counted(*[change(str(n), new=image(str(n), hour=hour)) for n, hour in enumerate(hours)])
        counted(change("3", old=image("0", hour="2001-01-01T01")), change("4", new=image("3", hour="2002-02-02T03")))
        counted(change("5", old=image("2", hour="2002-02-02T02")))
        assert months() == {"2001-01": 1, "2002-02": 1}
        assert (counts.hours("2001-01"), counts.hours("2002-02")) == ({"0101": 1}, {"0202": -1, "0203": 1})

    def test_what_an_interrupted_batch_has_left_is_written_by_the_next_one(self) -> None:
        changes = [change(str(n), new=image(str(n), make=f"make {n}")) for n in range(150)]
        with Wire([None, None, Fault.KILLED_AFTER, None, Fault.KILLED_BEFORE]) as wire:
            pipeline = Pipeline(wire)
            event = {"Records": changes, "shardId": SHARD}
            assert [pipeline.accepts(on_table_change.handler, event) for _ in range(2)] == [False, False]
            # The same records may come in another batch.
            assert pipeline.accepts(on_table_change.handler, {"Records": changes[:7], "shardId": SHARD})
            assert pipeline.accepts(on_table_change.handler, {"Records": changes[7:], "shardId": SHARD})
        assert stats("make") == {f"make {n}": 1 for n in range(150)}
        assert months() == {"2026-11": 150}

    @pytest.mark.parametrize("seed", range(8))
    def test_whatever_fails_each_change_is_counted_once(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counting, "MAX_ITEMS", 25)
        monkeypatch.setattr(counting, "MAX_ITEMS_AT_ONCE", 45)
        monkeypatch.setattr(counting, "MAX_SUMS_PER_ITEM", 2)
        drawn = random.Random(seed)
        images = [
            image(
                str(n),
                hour=f"2026-{drawn.randint(1, 11):02}-07T08",
                make=f"make {drawn.randrange(9)}",
                category="Sedan",
            )
            for n in range(60)
        ]
        changes = [change(str(n), new=each) for n, each in enumerate(images)]
        changes += [change(str(100 + n), old=each) for n, each in enumerate(images[::3])]
        sizes = iter(lambda: drawn.randint(1, 40), 0)
        rewinds = iter(lambda: drawn.randint(0, 3), -1)
        with Wire(lambda _: drawn.choice([None] * 20 + [*Fault])) as wire:
            Pipeline(wire).follow(on_table_change.handler, SHARD, changes, sizes=sizes, rewinds=rewinds)
        left = [each for n, each in enumerate(images) if n % 3]
        assert stats("make") == Counter(each["make"]["S"] for each in left)
        assert months() == Counter(each["created_at"]["S"][:7] for each in left)

    def test_a_conflict_is_retried(self) -> None:
        with Wire([None, Fault.CONFLICT, None, Fault.THROTTLED]) as wire:
            assert Pipeline(wire).accepts(
                on_table_change.handler, {"Records": [change("1", new=image("a"))], "shardId": SHARD}
            )
            assert len(wire.operations("TransactWriteItems")) == 3
        assert stats("make") == {"Kia": 1}

    def test_a_persistent_conflict_fails_the_batch_with_nothing_counted(self) -> None:
        with Wire([None, Fault.CONFLICT] * ATTEMPTS) as wire, pytest.raises(counting.CountingFailed):
            Pipeline(wire).invoke(on_table_change.handler, {"Records": [change("1", new=image("a"))], "shardId": SHARD})
        assert stats("make") == {}

    def test_a_permanent_error_is_not_retried(self) -> None:
        def refuse(made: Call) -> None:
            if made.operation == "TransactWriteItems":
                raise ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, made.operation)

        with Wire(refuse) as wire, pytest.raises(TransactWriteError):
            Pipeline(wire).invoke(on_table_change.handler, {"Records": [change("1", new=image("a"))], "shardId": SHARD})
        assert len(wire.operations("TransactWriteItems")) == 1

    def test_two_concurrent_counters_count_one_batch_once(self) -> None:
        batch = [change("1", new=image("a")), change("2", new=image("b"))]

        with Wire() as wire:

            def meanwhile(made: Call) -> None:
                if made.operation == "TransactWriteItems":
                    wire.fault_of = lambda _: None
                    counting.count(SHARD, [Change.of(each) for each in batch])

            wire.fault_of = meanwhile
            Pipeline(wire).invoke(on_table_change.handler, {"Records": batch, "shardId": SHARD})
        assert stats("make") == {"Kia": 2}

    def test_two_concurrent_counters_write_what_is_left_once(self) -> None:
        changes = [change(str(n), new=image(str(n), make=f"make {n}")) for n in range(150)]
        with Wire([None, None, Fault.KILLED_BEFORE]) as wire:
            assert not Pipeline(wire).accepts(on_table_change.handler, {"Records": changes, "shardId": SHARD})

            def meanwhile(made: Call) -> None:
                if made.operation == "TransactWriteItems":
                    wire.fault_of = lambda _: None
                    counting.count(SHARD, [Change.of(each) for each in changes])

            wire.fault_of = meanwhile
            assert Pipeline(wire).accepts(on_table_change.handler, {"Records": changes, "shardId": SHARD})
        assert stats("make") == {f"make {n}": 1 for n in range(150)}

    def test_two_shards_counted_concurrently_both_count(self) -> None:
        with Wire() as wire:

            def meanwhile(made: Call) -> None:
                if made.operation == "TransactWriteItems":
                    wire.fault_of = lambda _: None
                    counting.count("another", [Change.of(change("1", new=image("b")))])

            wire.fault_of = meanwhile
            Pipeline(wire).invoke(on_table_change.handler, {"Records": [change("1", new=image("a"))], "shardId": SHARD})
        assert stats("make") == {"Kia": 2}


def test_deleting_or_changing_a_detection_in_the_table_changes_the_sums() -> None:
    with Wire() as wire:
        pipeline = Pipeline(wire)
        pipeline.index([Record.of(number, vehicle(id=f"id-{number}")) for number in range(5)])
        pipeline.carry_on()
        ids = {name: item["id"] for name, item in reported().items()}
        DetectionRecord.get(ids["id-0"]).delete()
        DetectionRecord.get(ids["id-1"]).update([DetectionRecord.make.set("Audi")])
        pipeline.index([Record.of(9, vehicle(id="id-9", created_at="2025-01-01T00:00:00Z"))])
        pipeline.carry_on()
        assert stats("make") == Counter(item["make"] for item in stored().values()) == {"Audi": 1, "Kia": 4}
        assert months() == {"2025-01": 1, "2026-11": 4}
        assert (counts.hours("2025-01"), counts.hours("2026-11")) == ({"0100": 1}, {"2206": 4})


def _publishing(fault: Fault, times: int) -> Callable[[Call], Fault | None]:
    """The fault of the first calls that publish."""
    faults = iter([fault] * times)
    return lambda call: next(faults, None) if call.operation == "PublishBatch" else None


class TestPublishing:
    def event(self, number: int) -> dict[str, Any]:
        return {"Records": [change(str(n), new=image(f"id-{n}")) for n in range(number)]}

    def test_it_publishes_ten_per_call(self) -> None:
        with Wire() as wire:
            Pipeline(wire).invoke(on_table_change.handler, self.event(101))
            assert [call.operation for call in wire.calls] == ["Query", "TransactWriteItems"] + ["PublishBatch"] * 11

    def test_subscribers_get_the_detection_and_can_filter_by_category_make_and_year(self) -> None:
        with Wire() as wire:
            Pipeline(wire).invoke(on_table_change.handler, self.event(1))
            (call,) = wire.operations("PublishBatch")
            (entry,) = call.parameters["PublishBatchRequestEntries"]
        assert entry["Message"] == (
            '{"id":"id-0","year":2020,"make":"Kia","model":"Sorento","category":"SUV",'
            '"created_at":"2026-11-22T06:10:30Z"}'
        )
        assert entry["MessageAttributes"] == {
            "category": {"DataType": "String", "StringValue": "SUV"},
            "make": {"DataType": "String", "StringValue": "Kia"},
            "year": {"DataType": "Number", "StringValue": "2020"},
        }

    def test_only_rejected_entries_are_published_again(self) -> None:
        with Wire(_publishing(Fault.PARTLY, 1)) as wire:
            pipeline = Pipeline(wire)
            pipeline.invoke(on_table_change.handler, self.event(10))
            pipeline.receive()
            assert len(wire.operations("PublishBatch")) == 2
            assert len(pipeline.waiting) == len(set(pipeline.waiting)) == 10

    def test_a_topic_that_keeps_rejecting_fails_the_batch(self) -> None:
        with Wire(_publishing(Fault.PARTLY, ATTEMPTS)) as wire:
            pipeline = Pipeline(wire)
            with pytest.raises(DeliveryFailed):
                pipeline.invoke(on_table_change.handler, self.event(1))
            pipeline.invoke(on_table_change.handler, self.event(1))  # delivered again
            pipeline.receive()
        assert len(pipeline.waiting) == 1
        assert stats("make") == {"Kia": 1}  # and counted once

    @pytest.mark.parametrize(
        "other",
        [
            change("1", new=image("a", category="Sedan")),
            change("1", old=image("a"), new=image("a", year=2021)),
            change("1", old=image("a")),
        ],
    )
    def test_only_new_suspicious_detections_are_published(self, other: dict[str, Any]) -> None:
        with Wire() as wire:
            Pipeline(wire).invoke(on_table_change.handler, {"Records": [other]})
            assert wire.operations("PublishBatch") == []
