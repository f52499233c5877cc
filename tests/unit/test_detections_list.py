"""GET /detections: newest first, every page at the same cost, each detection exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from detections import arrival, counting, counts, listing
from detections.model import DetectionRecord
from sitewatch import clock, paging, tables, timeline
from sitewatch.names import fold
from tests.world.aws import reset
from tests.world.calling import Answer, access_token, call
from tests.world.faults import Wire, one_invocation
from tests.world.pipeline import ARRIVAL, Pipeline, Record, ask, reported, stored, vehicle
from tests.world.template import template

T = datetime(2026, 11, 22, 6, 10, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seen:
    """A detection in the model, with the id that its sender gave."""

    id: str
    time: datetime
    make: str = "Kia"
    category: str = "SUV"
    source: str = "gate"

    @property
    def report(self) -> dict[str, Any]:
        return {
            **vehicle(make=self.make, category=self.category),
            "id": self.id,
            "source": self.source,
            "created_at": clock.format_time(self.time),
        }


def store(*seen: Seen) -> None:
    """Index and count these detections."""
    with Wire() as wire:
        pipeline = Pipeline(wire)
        pipeline.index([Record.of(number, one.report) for number, one in enumerate(seen)])
        pipeline.carry_on()


def remove(*reported_ids: str) -> None:
    """Delete detections and count that."""
    with Wire() as wire:
        pipeline = Pipeline(wire)
        for reported_id in reported_ids:
            DetectionRecord.get(reported()[reported_id]["id"]).delete()
        pipeline.carry_on()


def walk(query: dict[str, object]) -> list[list[dict[str, Any]]]:
    """Follow the links from the first page to the last."""
    pages, following = [], dict(query)
    for _ in range(500):
        answer = ask("/detections", **following)
        assert answer.status == 200, answer.text
        pages.append(answer.json)
        if answer.next_query is None:
            return pages
        assert answer.next_query != following, "a link that leads nowhere"
        following = dict(answer.next_query)
    raise AssertionError("the links do not end")


def model(seen: Sequence[Seen], query: dict[str, Any]) -> list[dict[str, Any]]:
    """The expected detections of all pages together."""
    ids = {reported_id: item["id"] for reported_id, item in reported().items()}
    return [
        {**one.report, "id": ids[one.id], "reported_id": one.id}
        for one in sorted(seen, key=lambda one: (one.time, ids[one.id]), reverse=True)
        if fold(query.get("make", one.make)) == fold(one.make)
        and fold(query.get("category", one.category)) == fold(one.category)
        and query.get("source") in (None, one.source)
        and clock.parse(query.get("from", "1970-01-01T00:00:00Z")) <= one.time
        and one.time <= clock.parse(query.get("to", "2106-01-01T00:00:00Z"))
    ][query.get("skip", 0) :]


# Across months, and close together: many in one hour, some at one instant.
OFFSETS = st.one_of(
    st.integers(0, 3).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(0, 50).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 100).map(lambda days: timedelta(days=days)),
    st.integers(0, 5).map(lambda months: timedelta(days=31 * months)),
    st.integers(0, 10**6).map(lambda microseconds: timedelta(microseconds=microseconds)),
)
TIMES = OFFSETS.map(lambda offset: T - offset)
MAKES, CATEGORIES = st.sampled_from(["Kia", "Audi", "AUDI"]), st.sampled_from(["SUV", "suv", "Sedan"])
SOURCES = st.sampled_from(["gate", "Gate"])


@st.composite
def sights(draw: st.DrawFn) -> list[Seen]:
    drawn = draw(st.lists(st.tuples(TIMES, MAKES, CATEGORIES, SOURCES), max_size=25))
    return [Seen(f"id-{number}", *one) for number, one in enumerate(drawn)]


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    query: dict[str, Any] = {"limit": draw(st.integers(1, 12))}
    choices: dict[str, st.SearchStrategy[Any]] = {
        "skip": st.integers(0, 30),
        "make": MAKES,
        "category": CATEGORIES,
        "source": SOURCES,
        "from": TIMES.map(clock.format_time),
        "to": TIMES.map(clock.format_time),
    }
    for name, values in choices.items():
        if draw(st.booleans()):
            query[name] = draw(values)
    return query


class TestModel:
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(seen=sights(), asked=st.lists(queries(), min_size=1, max_size=4))
    @example(seen=[Seen("a", T)], asked=[{"limit": 1, "from": clock.format_time(T), "to": clock.format_time(T)}])
    def test_the_pages_hold_each_detection_exactly_once_newest_first(
        self, seen: list[Seen], asked: list[dict[str, Any]]
    ) -> None:
        reset()
        store(*seen)
        for query in asked:
            pages = walk(query)
            assert [one for page in pages for one in page] == model(seen, query)
            assert all(len(page) == query["limit"] for page in pages[:-1])

    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        seen=sights(),
        query=queries(),
        more=st.integers(0, 4),
        requests=st.integers(0, 3),
        shards=st.integers(1, 3),
        few=st.sampled_from([0, 5]),
        months=st.sampled_from([0, 1, 2, 12]),
        hours=st.sampled_from([0, 1, 20]),
        batches=st.integers(1, 3),
        removed=st.sets(st.integers(0, 24), max_size=5),
    )
    @example(
        seen=[Seen(f"id-{number}", T) for number in range(9)],
        query={"limit": 2, "skip": 6},
        more=0,
        requests=0,
        shards=1,
        few=0,
        months=12,
        hours=20,
        batches=1,
        removed=set(),
    )
    @example(
        seen=[Seen(f"id-{number}", T - timedelta(days=31 * (number % 3))) for number in range(25)],
        query={"limit": 2, "skip": 10},
        more=5,
        requests=3,
        shards=1,
        few=0,
        months=0,
        hours=20,
        batches=1,
        removed={0, 1, 2},
    )
    def test_pages_of_few_and_small_reads_and_partial_counts_hold_the_same_in_smaller_pieces(
        self,
        seen: list[Seen],
        query: dict[str, Any],
        more: int,
        requests: int,
        shards: int,
        few: int,
        months: int,
        hours: int,
        batches: int,
        removed: set[int],
    ) -> None:
        left = [one for number, one in enumerate(seen) if number not in removed]
        reset()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(arrival, "_WRITE_SHARDS", shards)
            patch.setattr(listing._Detections, "shards", shards)
            patch.setattr(timeline, "MAX_READ", query["limit"] + 1 + more)
            patch.setattr(timeline, "MAX_SKIPPED", 1 + more)
            patch.setattr(timeline, "MAX_REQUESTS", 3 + shards + requests)
            patch.setattr(timeline, "FEW", few)
            patch.setattr(counting, "MAX_MONTHS_WITH_HOURS", months)
            patch.setattr(counting, "MAX_HOURS_WITH_MINUTES", hours)
            for first in range(batches):
                store(*seen[first::batches])
            remove(*{one.id for one in seen} - {one.id for one in left})
            pages = walk(query)
        assert [one for page in pages for one in page] == model(left, query)


class TestAnswer:
    def test_a_detection_has_these_fields(self) -> None:
        store(Seen("a", T))
        (ours,) = stored()
        assert ask("/detections").json == [
            {
                "id": ours,
                "reported_id": "a",
                "source": "gate",
                "year": 2020,
                "make": "Kia",
                "model": "Sorento",
                "category": "SUV",
                "created_at": "2026-11-22T06:10:30Z",
            }
        ]

    def test_at_equal_times_the_greater_id_comes_first(self) -> None:
        store(*[Seen(name, T) for name in ("b", "a", "c")])
        assert [one["id"] for one in ask("/detections").json] == sorted(stored(), reverse=True)

    def test_a_detection_without_an_id_of_its_sender_says_so(self) -> None:
        with Wire() as wire:
            pipeline = Pipeline(wire)
            pipeline.index([Record.of(1, vehicle())])
            pipeline.carry_on()
        (one,) = ask("/detections").json
        assert (one["reported_id"], one["source"]) == (None, "unknown")

    def test_a_detection_that_was_stored_before_there_were_sources_is_listed(self) -> None:
        store(Seen("a", T))
        (item,) = DetectionRecord.scan()
        item.update([DetectionRecord.source.remove(), DetectionRecord.reported_id.remove()])
        (one,) = ask("/detections").json
        assert (one["reported_id"], one["source"]) == (None, "unknown")

    @pytest.mark.parametrize("query", [{"make": "CITROE\u0308N"}, {"category": "citroën"}])
    def test_names_are_found_in_any_letter_case_and_unicode_form(self, query: dict[str, object]) -> None:
        store(Seen("a", T, make="Citroën", category="CITROËN"), Seen("b", T))
        assert [(one["make"], one["category"]) for one in ask("/detections", **query).json] == [("Citroën", "CITROËN")]

    def test_a_page_has_a_hundred_by_default_and_a_link_to_the_rest(self) -> None:
        store(*[Seen(f"id-{number:03}", T) for number in range(101)])
        assert [len(page) for page in walk({})] == [100, 1]

    def test_the_last_page_has_no_link(self) -> None:
        store(*[Seen(f"id-{number}", T) for number in range(4)])
        assert ask("/detections", limit=4).next_query is None
        assert ask("/detections", limit=3).next_query is not None

    def test_the_link_keeps_the_query(self) -> None:
        store(*[Seen(f"id-{number}", T) for number in range(3)])
        question = {
            "make": "Kia",
            "category": "SUV",
            "source": "gate",
            "from": "2026-11-22T00:00:00+01:00",
            "to": clock.format_time(T),
        }
        link = ask("/detections", **question, limit=1).next_query
        assert link is not None
        assert {name: link[name] for name in link if name != "start"} == {**question, "limit": "1"}

    def test_a_new_detection_does_not_shift_the_next_page(self) -> None:
        store(*[Seen(f"id-{number}", T - timedelta(hours=number)) for number in range(4)])
        first = ask("/detections", limit=2)
        store(Seen("newer", T + timedelta(hours=1)))
        following = ask("/detections", **(first.next_query or {}))
        assert [one["reported_id"] for one in first.json + following.json] == ["id-0", "id-1", "id-2", "id-3"]

    def test_without_detections_the_list_is_empty(self) -> None:
        answer = ask("/detections")
        assert (answer.json, answer.next_query) == ([], None)

    def test_machines_and_anonymous_callers_may_not_read(self) -> None:
        assert call("GET", "/detections").status == 401
        assert call("GET", "/stats").status == 401


class TestInput:
    @pytest.mark.parametrize(
        ("name", "value", "subcode"),
        [
            ("skip", "-1", 4018),
            ("skip", "some", 4018),
            ("limit", "0", 4015),
            ("limit", "1001", 4015),
            ("limit", "1.5", 4015),
            ("from", "yesterday", 4017),
            ("from", "2026-11-22", 4017),
            ("from", "1969-12-31T23:59:59Z", 4017),
            ("to", "2026-13-01T00:00:00Z", 4017),
            ("to", "1790000000", 4017),
            ("make", "", 4018),
            ("make", "x" * 65, 4018),
            ("category", "a\0b", 4018),
            ("source", "gate/7", 4018),
            ("start", "%%%", 4016),
            ("start", "é", 4016),
            ("start", "x" * 1025, 4016),
            ("start", paging.encode_cursor("2026"), 4016),
            ("start", paging.encode_cursor("!"), 4016),
            ("start", paging.encode_cursor("~"), 4016),
            ("start", paging.encode_cursor("٢٠٢٦-11-22T06:10:30.000000Z#a"), 4016),
        ],
    )
    def test_a_bad_parameter_is_a_400_that_names_it(self, name: str, value: str, subcode: int) -> None:
        answer = ask("/detections", **{name: value})
        assert (answer.status, answer.json["code"], answer.json["subcode"]) == (400, 400, subcode)
        assert [problem["field"] for problem in answer.json["detail"]] == [name]

    def test_each_bad_parameter_is_named(self) -> None:
        answer = ask("/detections", **{"limit": 0, "skip": -1, "from": "x"})
        assert {problem["field"] for problem in answer.json["detail"]} == {"limit", "skip", "from"}

    def test_stats_lists_what_it_can_count_by(self) -> None:
        answer = ask("/stats", by="model")
        assert (answer.status, answer.json["subcode"]) == (400, 4018)
        assert answer.json["detail"][0]["field"] == "by"

    def test_a_start_after_the_end_is_an_empty_page_without_a_database_call(self) -> None:
        store(Seen("a", T))
        with one_invocation() as wire:
            answer = ask("/detections", **{"from": "2026-12-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"})
            assert (answer.status, answer.json, answer.next_query) == (200, [], None)
            assert wire.calls == []  # DynamoDB rejects a range that ends before it starts

    def test_a_cursor_does_not_pass_the_requested_end(self) -> None:
        store(Seen("a", T), Seen("b", T - timedelta(days=1)), Seen("c", T - timedelta(days=2)))
        start = (ask("/detections", limit=1).next_query or {})["start"]
        answer = ask("/detections", start=start, to=clock.format_time(T - timedelta(days=2)))
        assert [one["reported_id"] for one in answer.json] == ["c"]


class TestCost:
    def read(self, **query: object) -> tuple[Answer, int, int]:
        """The response, and how many detections and sums were read for it."""
        with one_invocation() as wire:
            answer = ask("/detections", **query)
        items = {"DetectionsTable": 0, "DetectionCountsTable": 0}
        for made in wire.calls:
            assert made.operation == "Query"
            items[made.parameters["TableName"]] += len(made.response["Items"])
        return answer, items["DetectionsTable"], items["DetectionCountsTable"]

    def store_hours(self, hours: int, each: int, **differing: str) -> None:
        store(
            *[
                Seen(f"{hour}-{number}", ARRIVAL - timedelta(hours=hour, seconds=number), **differing)
                for hour in range(hours)
                for number in range(each)
            ]
        )

    def test_whole_hours_are_skipped_without_being_read(self) -> None:
        self.store_hours(6, 40)
        answer, detections, counts = self.read(skip=203, limit=5)
        assert [one["reported_id"] for one in answer.json] == [f"5-{number}" for number in range(3, 8)]
        assert detections <= 40
        assert counts == 2  # the months, and the hours of a month

    @pytest.mark.parametrize("query", [{"make": "Kia"}, {"category": "SUV"}, {"source": "gate"}])
    def test_whole_months_are_skipped_in_a_filtered_list(self, query: dict[str, object]) -> None:
        store(
            *[Seen(f"{month}-{n}", T - timedelta(days=31 * month, seconds=n)) for month in range(6) for n in range(20)]
        )
        answer, detections, counts = self.read(skip=101, limit=1, **query)
        assert [one["reported_id"] for one in answer.json] == ["5-1"]
        assert detections <= 20
        assert counts == 1

    @pytest.mark.parametrize("apart", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=31)])
    @pytest.mark.parametrize("query", [{}, {"make": "Kia"}, {"source": "gate", "category": "SUV"}])
    def test_a_page_without_skip_is_one_query_however_sparse_the_list_is(
        self, apart: timedelta, query: dict[str, object]
    ) -> None:
        store(*[Seen(f"id-{number}", T - number * apart) for number in range(120)])
        with one_invocation() as wire:
            assert len(ask("/detections", **query).json) == 100
        assert len(wire.calls) == 1

    @pytest.mark.parametrize("apart", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=31)])
    def test_a_deep_skip_is_at_most_four_queries_however_sparse_the_list_is(self, apart: timedelta) -> None:
        store(*[Seen(f"id-{number}", T - number * apart) for number in range(120)])
        with one_invocation() as wire:
            assert [one["reported_id"] for one in ask("/detections", skip=110).json] == [
                f"id-{number}" for number in range(110, 120)
            ]
        assert len(wire.calls) <= 4

    def test_whole_minutes_are_skipped_without_being_read(self) -> None:
        # Ten minutes of one hour.
        store(*[Seen(f"id-{number}", T - timedelta(seconds=2 * number)) for number in range(300)])
        answer, detections, counts = self.read(skip=250, limit=5)
        assert [one["reported_id"] for one in answer.json] == [f"id-{number}" for number in range(250, 255)]
        assert detections <= 30 + 5 + 2
        assert counts == 3

    def test_an_hour_with_uncounted_minutes_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counting, "MAX_HOURS_WITH_MINUTES", 1)
        each = [Seen(f"{hour}-{n}", T - timedelta(hours=hour, seconds=n)) for hour in range(3) for n in range(60)]
        store(*each)
        assert counts.minutes("2026-11-22T06")
        assert not counts.minutes("2026-11-22T05")
        for skip in range(0, 180, 7):
            answer = ask("/detections", skip=skip, limit=2)
            assert [one["reported_id"] for one in answer.json] == [one.id for one in each[skip : skip + 2]]

    def test_a_month_with_uncounted_hours_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        each = [Seen(f"{month}-{n}", T - timedelta(days=31 * month, hours=n)) for month in range(4) for n in range(60)]
        with monkeypatch.context() as patch:
            patch.setattr(counting, "MAX_MONTHS_WITH_HOURS", 1)
            patch.setattr(clock, "now", lambda: T)
            store(*each, *[Seen(f"fullest-{n}", T - timedelta(days=31 * 5, hours=n)) for n in range(80)])
        assert [month for month in counts.months() if counts.hours(month)] == ["2026-06", "2026-11"]
        for skip in range(0, 240, 7):
            answer, detections, _ = self.read(skip=skip, limit=2)
            assert [one["reported_id"] for one in answer.json] == [one.id for one in each[skip : skip + 2]]
            assert detections <= 60 + 5  # those of a month

    @pytest.mark.parametrize(
        ("later", "consistent"), [(0, [True, True]), (1, [True, False]), (24 * 30, [False, False])]
    )
    def test_the_current_hours_and_minutes_are_not_older_than_the_months(
        self, later: int, consistent: list[bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store(*[Seen(f"id-{number}", T - timedelta(seconds=2 * number)) for number in range(300)])
        monkeypatch.setattr(clock, "now", lambda: T + timedelta(hours=later))
        with one_invocation() as wire:
            listing.page(listing.Selection(), skip=250, before=None, limit=1)
        reads = [made.parameters.get("ConsistentRead", False) for made in wire.calls]
        assert reads == [False, *consistent, False]

    @pytest.mark.parametrize(("skip", "counts_read"), [(20, 0), (50, 2), (70, 3)])
    def test_few_are_skipped_by_reading_them(self, skip: int, counts_read: int) -> None:
        self.store_hours(2, 40)
        answer, _, counts = self.read(skip=skip, limit=1)
        assert [one["reported_id"] for one in answer.json] == [f"{skip // 40}-{skip % 40}"]
        assert counts == counts_read

    def test_the_most_shards_leave_requests_for_counts(self) -> None:
        most = template()["Parameters"]["DetectionWriteShards"]["MaxValue"]
        assert 3 + most <= tables.MAX_REQUESTS

    def test_each_shard_is_queried_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrival, "_WRITE_SHARDS", 4)
        monkeypatch.setattr(listing._Detections, "shards", 4)
        self.store_hours(4, 40)
        with one_invocation() as wire:
            assert len(ask("/detections").json) == 100
        assert len(wire.calls) == 4

    def test_a_page_reads_little_more_than_it_returns(self) -> None:
        self.store_hours(3, 100)
        answer, detections, _ = self.read(limit=100)
        assert len(answer.json) == 100
        assert detections < 200

    def test_a_linked_page_costs_the_same_at_any_depth(self) -> None:
        self.store_hours(10, 20)
        following: dict[str, object] = {"limit": 20}
        costs = []
        while following:
            answer, detections, _ = self.read(**following)
            costs.append(detections)
            following = dict(answer.next_query or {})
        assert len(costs) == 10
        assert max(costs) <= 2 * min(costs[:-1])

    def test_a_rare_combination_stops_at_the_read_limit_with_a_link(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timeline, "MAX_READ", 101)
        self.store_hours(5, 40, category="Sedan")
        store(Seen("rare", ARRIVAL - timedelta(days=1)))
        with one_invocation() as wire:
            answer = ask("/detections", make="Kia", category="SUV")
        assert answer.json == []
        assert answer.next_query is not None
        assert [made.response["ScannedCount"] for made in wire.calls] == [101]
        assert [one["reported_id"] for page in walk({"make": "Kia", "category": "SUV"}) for one in page] == ["rare"]

    def test_a_skip_that_eleven_requests_do_not_reach_ends_with_a_link(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timeline, "MAX_READ", 3)
        monkeypatch.setattr(timeline, "MAX_SKIPPED", 3)
        monkeypatch.setattr(counting, "_fullest", lambda _: ())
        self.store_hours(1, 60)
        with one_invocation() as wire:
            answer = ask("/detections", make="Kia", skip=50, limit=1)
        assert len(wire.calls) == tables.MAX_REQUESTS == 11
        assert (answer.json, (answer.next_query or {})["skip"]) == ([], "23")
        assert [one["reported_id"] for page in walk({"make": "Kia", "skip": 50, "limit": 1}) for one in page] == [
            f"0-{number}" for number in range(50, 60)
        ]


def test_a_users_token_is_enough() -> None:
    assert call("GET", "/stats", token=access_token()).json == {}
