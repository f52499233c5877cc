"""The alert log and the event stream that clients read it with: every alert exactly once."""

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pynamodb.exceptions import TransactWriteError

from alerts import log, on_queue_record, recording, waiting
from alerts.model import ALERTS_PER_PARTITION, AlertsRecord, HoldRecord, LogHead, RecordedDetection
from sitewatch.clock import now
from tests.world.aws import reset
from tests.world.calling import access_token, call
from tests.world.faults import Call, Fault, Wire, one_invocation
from tests.world.pipeline import Event, EventSource, Pipeline, alerts, ask, vehicle


def alert(number: object) -> str:
    """A detection as the topic publishes it."""
    return json.dumps(vehicle(id=f"id-{number}", created_at="2026-11-22T06:10:30Z"))


def append(*numbers: object) -> int:
    """Append alerts with these numbers, and return how many were new."""
    with Wire():
        return recording.append({f"id-{number}": alert(number) for number in numbers})


def fill(number: int) -> None:
    """Create a log of that many alerts, without appending each."""
    with AlertsRecord.batch_write() as batch:
        for n in range(1, number + 1):
            batch.save(AlertsRecord(f"log#{n // ALERTS_PER_PARTITION}", n, detections=alert(n)))
    LogHead(reached=number).save()


def names(events: Sequence[Event]) -> list[str]:
    """The numbers of the detections in events."""
    return [json.loads(event.data)["id"].removeprefix("id-") for event in events]


def event_of(*numbers: object) -> dict[str, Any]:
    return {"Records": [{"body": alert(number)} for number in numbers]}


class TestFormat:
    def test_an_alert_is_an_event_with_an_id_a_type_and_the_detection(self) -> None:
        append(1)
        answer = ask("/alerts", wait=0)
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        (event,) = EventSource().read(answer.text)
        assert (event.id, event.type) == ("1", "new_alert")
        assert json.loads(event.data) == {
            "year": 2020,
            "make": "Kia",
            "model": "Sorento",
            "category": "SUV",
            "created_at": "2026-11-22T06:10:30Z",
            "id": "id-1",
        }

    def test_a_response_sets_the_reconnection_time_and_keeps_proxies_awake(self) -> None:
        source = EventSource()
        text = ask("/alerts", wait=0).text
        source.read(text)
        assert source.retry is not None
        assert source.retry <= 1000
        assert text.startswith(": keep-alive\n")

    def test_a_response_without_alerts_has_the_id_to_resume_from_and_no_event(self) -> None:
        append(1, 2, 3)
        source = EventSource()
        assert source.connect(replay=0) == []
        assert source.last_id == "3"

    def test_every_block_ends_with_a_blank_line(self) -> None:
        append(1, 2)
        assert ask("/alerts", wait=0).text.endswith("\n\n")

    @pytest.mark.parametrize("name", ["Škoda", "长安 💥", "\u2028\u2029\u0085", "data: x", ":"])
    def test_a_name_with_any_characters_is_one_event(self, name: str) -> None:
        detection = json.dumps(vehicle(id="a", make=name), ensure_ascii=False)
        with Wire():
            recording.append({"a": detection})
        (event,) = EventSource().connect()
        assert json.loads(event.data)["make"] == name


class TestFirstConnection:
    def test_it_gets_the_last_fifty_oldest_first(self) -> None:
        fill(60)
        assert names(EventSource().connect()) == [str(number) for number in range(11, 61)]

    @pytest.mark.parametrize(("replay", "wanted"), [(0, []), (1, ["5"]), (3, ["3", "4", "5"]), (1000, list("12345"))])
    def test_it_gets_as_many_as_it_asks_for(self, replay: int, wanted: list[str]) -> None:
        append(1, 2, 3, 4, 5)
        assert names(EventSource().connect(replay=replay)) == wanted

    def test_it_gets_nothing_from_an_empty_log_and_then_the_first_alert(self) -> None:
        source = EventSource()
        assert source.connect() == []
        append(1)
        assert names(source.connect()) == ["1"]


class TestReconnection:
    def test_it_gets_exactly_what_arrived_in_between(self) -> None:
        append(1, 2)
        source = EventSource()
        assert names(source.connect(replay=1)) == ["2"]
        assert source.connect() == []
        append(3, 4)
        assert names(source.connect(replay=1000)) == ["3", "4"]

    def test_a_response_has_at_most_a_thousand_alerts_and_the_next_continues(self) -> None:
        fill(2005)
        source = EventSource(last_id="0")
        found = [names(source.connect()) for _ in range(4)]
        assert [len(each) for each in found] == [1000, 1000, 5, 0]
        assert [name for each in found for name in each] == [str(number) for number in range(1, 2006)]

    @pytest.mark.parametrize("seen", [997, 998, 999, 1000, 1001])
    def test_it_continues_across_a_partition_boundary(self, seen: int) -> None:
        fill(998)
        append(*range(999, 1003))
        assert names(EventSource(last_id=str(seen)).connect()) == [str(number) for number in range(seen + 1, 1003)]

    def test_an_id_from_before_the_log_was_reset_counts_as_a_first_connection(self) -> None:
        append(1, 2, 3)
        source = EventSource(last_id="999")
        assert names(source.connect(replay=2)) == ["2", "3"]
        append(4)
        assert names(source.connect()) == ["4"]

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        steps=st.lists(st.one_of(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.none()), max_size=12),
        replay=st.integers(0, 10),
    )
    def test_it_sees_each_alert_exactly_once_whenever_it_connects(
        self, steps: list[list[int] | None], replay: int
    ) -> None:
        reset()
        appended: list[int] = []
        source, seen = EventSource(), list[Event]()
        first: int | None = None
        for step in [*steps, None]:
            if step is None:
                first = len(appended) if first is None else first
                seen += source.connect(replay=replay)
            else:
                append(*step)
                appended += [number for number in dict.fromkeys(step) if number not in appended]
        assert first is not None
        assert names(seen) == [str(number) for number in appended[max(first - replay, 0) :]]


class Clock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept = 0
        self.at: dict[int, Callable[[], object]] = {}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1
        self.at.get(self.slept, lambda: None)()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    played = Clock()
    monkeypatch.setattr(waiting, "time", played)
    return played


class TestWaiting:
    def test_wait_0_returns_at_once(self, clock: Clock) -> None:
        assert EventSource().connect(wait=0) == []
        assert clock.slept == 0

    def test_existing_alerts_are_returned_at_once(self, clock: Clock) -> None:
        append(1)
        assert names(EventSource().connect(wait=25)) == ["1"]
        assert clock.slept == 0

    def test_it_waits_for_the_next_alert(self, clock: Clock) -> None:
        append(1)
        clock.at[7] = lambda: append(2, 3)
        assert names(EventSource().connect(wait=20, replay=0)) == ["2", "3"]
        assert clock.slept == 7

    @pytest.mark.parametrize("wait", [0.1, 1, 20, 25])
    def test_it_gives_up_at_the_end_of_the_wait(self, clock: Clock, wait: float) -> None:
        assert EventSource().connect(wait=wait) == []
        assert wait - 0.25 <= clock.now - 100 <= wait

    def test_it_waits_twenty_seconds_by_default(self, clock: Clock) -> None:
        call("GET", "/alerts", token=access_token())
        assert clock.now == pytest.approx(120)

    def test_it_waits_for_a_second_at_most_between_two_looks(self, clock: Clock) -> None:
        EventSource().connect(wait=10)
        assert clock.slept >= 10

    def test_waiting_costs_about_one_eventually_consistent_read_a_second(self, clock: Clock) -> None:
        with Wire() as wire, wire.invocation():
            EventSource().connect(wait=20)
        costs = {"Query": lambda call: 1 if call.parameters.get("ConsistentRead") else 0.5}
        assert sum(costs[call.operation](call) for call in wire.calls if call.operation in costs) <= 2 + 22 * 0.5
        assert sorted(call.operation for call in wire.calls if call.operation != "Query") == ["DeleteItem", "PutItem"]

    def test_an_alert_that_a_stale_read_does_not_show_yet_is_not_missed(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(1, 2)
        heads = iter([1, 2, 3])
        fresh = log.head
        monkeypatch.setattr(log, "head", lambda *, consistent=True: fresh() if consistent else next(heads))
        clock.at[2] = lambda: append(3)
        assert names(EventSource(last_id="2").connect(wait=20)) == ["3"]
        assert clock.slept == 3


class TestConcurrentWaiting:
    """A waiting request occupies a function for up to 25 s, so one caller must not have them all."""

    def waiting(self, clock: Clock, number: int) -> list[int]:
        """The statuses of requests that one caller starts while all earlier ones are waiting, the last one first."""
        token, statuses = access_token(subject="a caller"), list[int]()

        def start() -> None:
            if len(started) < number:
                started.append(True)
                clock.at[clock.slept + 1] = start
                statuses.append(call("GET", "/alerts", query={"wait": 5}, token=token).status)

        started: list[bool] = []
        start()
        return statuses

    def test_a_caller_has_at_most_ten_requests_waiting(self, clock: Clock) -> None:
        assert self.waiting(clock, 12) == [429, 429, *[200] * 10]

    def test_places_are_free_again_after_the_wait(self, clock: Clock) -> None:
        self.waiting(clock, 10)
        assert list(HoldRecord.query("holds#a caller")) == []
        assert self.waiting(clock, 10) == [200] * 10

    def test_another_caller_and_a_request_that_does_not_wait_are_not_affected(self, clock: Clock) -> None:
        for number in range(waiting.MAX_HOLDS):
            HoldRecord("holds#a caller", number, expires_at=now() + timedelta(seconds=30)).save()
        refused = call("GET", "/alerts", query={"wait": 5}, token=access_token(subject="a caller"))
        assert (refused.status, refused.json["subcode"], refused.headers["retry-after"]) == (429, 4290, "1")
        assert call("GET", "/alerts", query={"wait": 0}, token=access_token(subject="a caller")).status == 200
        assert call("GET", "/alerts", query={"wait": 5}, token=access_token(subject="another")).status == 200
        append(1)
        assert call("GET", "/alerts", query={"wait": 5}, token=access_token(subject="a caller")).status == 200

    def test_the_place_of_a_function_that_was_stopped_is_free_after_its_time(self, clock: Clock) -> None:
        for number in range(waiting.MAX_HOLDS):
            HoldRecord("holds#a caller", number, expires_at=now() - timedelta(seconds=1)).save()
        assert call("GET", "/alerts", query={"wait": 5}, token=access_token(subject="a caller")).status == 200

    def test_two_requests_never_get_the_same_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        HoldRecord("holds#a caller", 3, expires_at=now() + timedelta(seconds=30)).save()
        monkeypatch.setattr(waiting, "_holds", lambda _: [])  # as if it had been taken just now
        monkeypatch.setattr(waiting, "MAX_HOLDS", 4)
        monkeypatch.setattr("secrets.randbelow", lambda size: size - 1)
        with waiting._hold("a caller"):
            assert sorted(int(one.number) for one in HoldRecord.query("holds#a caller")) == [2, 3]


class TestInput:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("wait", "-1"),
            ("wait", "25.1"),
            ("wait", "nan"),
            ("wait", "inf"),
            ("wait", "long"),
            ("replay", "-1"),
            ("replay", "1001"),
            ("replay", "1.5"),
        ],
    )
    def test_a_bad_parameter_is_a_400_that_names_it(self, name: str, value: str) -> None:
        answer = ask("/alerts", **{"wait": 0, name: value})
        assert (answer.status, answer.json["subcode"]) == (400, 4018)
        assert [problem["field"] for problem in answer.json["detail"]] == [name]

    @pytest.mark.parametrize("value", ["x", "-1", "1.5", "9" * 40, "1e3", "٣", ""])
    def test_an_unknown_last_event_id_is_a_first_connection(self, value: str) -> None:
        recording.append({"id-1": alert(1)})
        answer = call("GET", "/alerts", query={"wait": 0}, headers={"Last-Event-ID": value}, token=access_token())
        assert (answer.status, answer.text.count("event: new_alert")) == (200, 1)

    def test_a_token_is_required(self) -> None:
        assert call("GET", "/alerts", query={"wait": 0}).status == 401


class TestRecording:
    def test_an_alert_delivered_twice_is_recorded_once(self) -> None:
        for batch in (event_of(1, 1, 2), event_of(2, 1), event_of(3, 2, 3)):
            with Wire() as wire:
                Pipeline(wire).invoke(on_queue_record.handler, batch)
        assert [one["id"] for one in alerts()] == ["id-1", "id-2", "id-3"]

    def test_an_already_recorded_batch_writes_nothing(self) -> None:
        append(1, 2)
        recording.forget()
        with Wire() as wire:
            Pipeline(wire).invoke(on_queue_record.handler, event_of(1, 2))
            assert [made.operation for made in wire.calls] == ["BatchGetItem"]

    def test_a_batch_is_one_transaction(self) -> None:
        with Wire() as wire:
            Pipeline(wire).invoke(on_queue_record.handler, event_of(*range(10)))
            assert [made.operation for made in wire.calls] == ["BatchGetItem", "TransactWriteItems"]
            # A mark for each, all alerts, and the head.
            assert len(wire.calls[-1].parameters["TransactItems"]) == 10 + 1 + 1

    def test_the_next_batch_of_a_process_reads_nothing(self) -> None:
        append(1, 2)
        with Wire() as wire:
            Pipeline(wire).invoke(on_queue_record.handler, event_of(3, 4))
            assert [made.operation for made in wire.calls] == ["TransactWriteItems"]
        assert names(EventSource(last_id="0").connect()) == ["1", "2", "3", "4"]

    @pytest.mark.parametrize(
        ("batch", "written"),
        [((2, 3), ["TransactWriteItems"]), ((1, 2), [])],
        ids=["another process has moved the head", "all of it is recorded"],
    )
    def test_a_process_whose_knowledge_is_old_reads_now_and_the_next_time(
        self, batch: tuple[int, ...], written: list[str]
    ) -> None:
        append(1)
        known = recording._last_head
        recording.forget()
        append(2)
        recording._last_head = known
        with Wire() as wire:
            Pipeline(wire).invoke(on_queue_record.handler, event_of(*batch))
            assert [made.operation for made in wire.calls] == ["TransactWriteItems", "BatchGetItem", *written]
            wire.calls.clear()
            Pipeline(wire).invoke(on_queue_record.handler, event_of(4))
            assert [made.operation for made in wire.calls] == ["BatchGetItem", "TransactWriteItems"]
        events = EventSource(last_id="0").connect()
        assert names(events) == [str(number) for number in sorted({1, 2, 4, *batch})]
        assert [int(event.id) for event in events] == list(range(1, len(events) + 1))

    def test_the_log_takes_a_thousand_alerts_a_second_by_its_write_units(self) -> None:
        with one_invocation() as wire:
            recording.append({f"id-{number}": alert(number) for number in range(49)})
        [made] = wire.operations("TransactWriteItems")
        items = [one["Put"]["Item"] for one in made.parameters["TransactItems"]]
        # A transaction takes two write units for each started KB, and a partition has 1,000 a second.
        units = Counter[str]()
        for item in items:
            size = sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())
            units[item["key"]["S"]] += 2 * math.ceil(size / 1024)
        assert max(units.values()) / 49 <= 1

    def test_many_alerts_are_appended_in_transactions_of_at_most_a_hundred_items(self) -> None:
        with one_invocation() as wire:
            assert recording.append({f"id-{number}": alert(number) for number in range(120)}) == 120
            sizes = [len(made.parameters["TransactItems"]) for made in wire.operations("TransactWriteItems")]
        assert sizes == [100, 24]
        assert [one["id"] for one in alerts()] == [f"id-{number}" for number in range(120)]

    def test_a_line_break_of_the_publisher_breaks_no_event(self) -> None:
        with Wire() as wire:
            body = alert(1).replace(", ", ",\n")
            Pipeline(wire).invoke(on_queue_record.handler, {"Records": [{"body": body}, *event_of(2)["Records"]]})
        assert names(EventSource().connect()) == ["1", "2"]

    def test_the_detection_is_sent_exactly_as_published(self) -> None:
        body = alert(1).replace(", ", ",  ")
        with Wire() as wire:
            Pipeline(wire).invoke(on_queue_record.handler, {"Records": [{"body": body}]})
        assert EventSource().connect()[0].data == body

    @pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.THROTTLED])
    def test_a_losing_transaction_is_retried(self, fault: Fault) -> None:
        with Wire([None, fault]) as wire:
            assert Pipeline(wire).accepts(on_queue_record.handler, event_of(1, 2))
            assert len(wire.operations("TransactWriteItems")) == 2
        assert names(EventSource().connect()) == ["1", "2"]

    def test_a_transaction_that_keeps_losing_fails_with_nothing_recorded(self) -> None:
        with Wire([None, Fault.CONFLICT] * recording.ATTEMPTS) as wire, pytest.raises(recording.AppendFailed):
            Pipeline(wire).invoke(on_queue_record.handler, event_of(1))
        assert alerts() == []

    def test_a_permanent_error_is_not_retried(self) -> None:
        def refuse(made: Call) -> None:
            if made.operation == "TransactWriteItems":
                raise ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, made.operation)

        with Wire(refuse) as wire, pytest.raises(TransactWriteError):
            Pipeline(wire).invoke(on_queue_record.handler, event_of(1))
        assert len(wire.operations("TransactWriteItems")) == 1

    @pytest.mark.parametrize("other", [["3"], ["1"], ["1", "2"], ["2", "3"]])
    @pytest.mark.parametrize("before", ["BatchGetItem", "TransactWriteItems"])
    def test_two_concurrent_recorders_leave_each_alert_once_and_no_gap(self, other: list[str], before: str) -> None:
        with Wire() as wire:

            def meanwhile(made: Call) -> None:
                if made.operation == before:
                    wire.fault_of = lambda _: None
                    recording.append({f"id-{number}": alert(number) for number in other})

            wire.fault_of = meanwhile
            Pipeline(wire).invoke(on_queue_record.handler, event_of("1", "2"))
        events = EventSource(last_id="0").connect()
        assert sorted(names(events)) == sorted({"1", "2", *other})
        assert [int(event.id) for event in events] == list(range(1, len(events) + 1))

    def test_a_mark_outlives_every_queue_that_could_redeliver_the_alert(self) -> None:
        append(1)
        (mark,) = RecordedDetection.query("detection#id-1")
        alive = mark.expires_at - now()
        assert alive.days >= 2 * 14


def test_a_client_that_reads_during_concurrent_writes_sees_each_alert_exactly_once() -> None:
    """Writers in threads, one call at a time in any order, while the client keeps connecting."""
    numbers = [f"{writer}-{number}" for writer in range(3) for number in range(40)]
    batches = {writer: _batches([n for n in numbers if n.startswith(f"{writer}-")]) for writer in range(3)}
    failed: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for batch in batches[writer]:
                while True:
                    try:
                        recording.append({f"id-{number}": alert(number) for number in batch})
                        break
                    except recording.AppendFailed:  # the queue redelivers it
                        continue
        except BaseException as error:  # noqa: BLE001 - reported in the main thread
            failed.append(error)

    source, seen = EventSource(), list[Event]()
    with Wire():
        writers = [threading.Thread(target=write, args=(writer,)) for writer in batches]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            seen += source.connect(replay=1000)
        seen += source.connect(replay=1000)
    assert failed == []
    assert sorted(names(seen)) == sorted(numbers)
    assert [int(event.id) for event in seen] == list(range(1, len(numbers) + 1))


def _batches(numbers: Sequence[str]) -> Iterator[Sequence[str]]:
    """Batches of seven that each start with the last two of the one before."""
    for start in range(0, len(numbers), 5):
        yield numbers[max(start - 2, 0) : start + 5]
