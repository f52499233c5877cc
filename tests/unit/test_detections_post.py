"""POST /detections: machines put detections on the stream, all of a request or none."""

from typing import Any

import pytest

from detections import catalogue, on_queue_simulate, on_schedule_pace_simulation
from detections.report import ReportedDetection
from sitewatch import clock, ids
from sitewatch.callers import Role
from sitewatch.delivery import DeliveryFailed
from sitewatch.retrying import ATTEMPTS
from tests.world.calling import Answer, access_token, admin_token, call
from tests.world.faults import Fault, Wire, one_invocation
from tests.world.pipeline import Pipeline, Record, on_stream, stored, vehicle


def post(body: object, *, token: str | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call("POST", "/detections", body=body, headers=named, token=admin_token() if token is None else token)


def vehicles_on_stream() -> list[dict[str, Any]]:
    return [{name: report[name] for name in vehicle()} for report in on_stream()]


def indexed_from_stream() -> dict[str, dict[str, Any]]:
    """The detections that the index makes of what is on the stream."""
    with Wire() as wire:
        records = [Record.of(number, report, arrived_at=clock.now()) for number, report in enumerate(on_stream())]
        Pipeline(wire).index(records)
    return stored()


class TestAccepted:
    def test_one_detection(self) -> None:
        answer = post(vehicle())
        assert (answer.status, answer.json) == (202, {"accepted": 1})
        assert vehicles_on_stream() == [vehicle()]

    @pytest.mark.parametrize("number", [1, 2, 500])
    def test_a_list_of_up_to_500(self, number: int) -> None:
        reports = [vehicle(year=1900 + n % 200, model=f"model {n}") for n in range(number)]
        answer = post(reports)
        assert (answer.status, answer.json) == (202, {"accepted": number})
        assert vehicles_on_stream() == reports

    def test_keys_in_any_letter_case_are_put_in_lower_case(self) -> None:
        post({"Year": 2020, "MAKE": "Kia", "mOdEl": "Sorento", "Category": "SUV"})
        assert vehicles_on_stream() == [vehicle()]

    def test_reported_ids_and_times_are_kept(self) -> None:
        post([vehicle(id="mine", created_at="2026-01-01T01:00:00+01:00"), vehicle(id="other")])
        mine, other = on_stream()
        assert (mine["id"], mine["created_at"]) == ("mine", "2026-01-01T00:00:00Z")
        assert other == vehicle(id="other", source="unknown")

    def test_a_report_without_an_id_gets_an_entry_id_but_neither_an_id_nor_a_time(self) -> None:
        post([vehicle(), vehicle()])
        one, other = on_stream()
        assert one["entry_id"] != other["entry_id"]
        assert not {"id", "created_at"} & (one.keys() | other.keys())

    def test_a_body_cannot_choose_its_entry_id(self) -> None:
        mine = ids.new_id()
        post(vehicle(entry_id=mine))
        assert on_stream()[0]["entry_id"] != mine

    def test_five_hundred_are_one_call(self) -> None:
        with one_invocation() as wire:
            post([vehicle()] * 500)
            assert [made.operation for made in wire.calls] == ["PutRecords"]

    def test_only_records_that_the_stream_rejects_are_put_again(self) -> None:
        reports = [vehicle(model=f"model {number}") for number in range(10)]
        with one_invocation([Fault.PARTLY, Fault.PARTLY]) as wire:
            assert post(reports).status == 202
            assert [len(made.parameters["Records"]) for made in wire.calls] == [10, 5, 3]
        assert sorted(vehicles_on_stream(), key=lambda one: str(one["model"])) == reports

    @pytest.mark.parametrize("report", [vehicle(), vehicle(id="a"), vehicle(created_at="2026-01-01T00:00:00Z")])
    def test_a_vehicle_put_twice_after_a_lost_response_is_one_detection(self, report: dict[str, Any]) -> None:
        with one_invocation([Fault.TWICE]):
            post(report)
        assert len(on_stream()) == 2
        assert len(indexed_from_stream()) == 1

    @pytest.mark.parametrize(
        ("report", "expected"), [(vehicle(), 2), (vehicle(created_at="2026-01-01T00:00:00Z"), 2), (vehicle(id="a"), 1)]
    )
    def test_equal_items_are_as_many_detections_unless_they_have_an_id(
        self, report: dict[str, Any], expected: int
    ) -> None:
        post([report, report])
        assert len(indexed_from_stream()) == expected

    def test_a_stream_that_keeps_rejecting_is_a_500_without_details(self) -> None:
        with one_invocation([Fault.PARTLY] * ATTEMPTS):
            answer = post(vehicle())
        assert (answer.status, answer.json["subcode"]) == (500, 5000)
        assert "entries" not in answer.text


class TestSource:
    def machine(self, name: str) -> str:
        return str(call("POST", "/api/tokens", body={"name": name}, token=admin_token()).json["api_token"])

    def test_it_is_what_the_report_says(self) -> None:
        post([vehicle(source="gate 7"), vehicle()], token=self.machine("camera"))
        assert [report["source"] for report in on_stream()] == ["gate 7", "camera"]

    @pytest.mark.parametrize(
        ("name", "source"),
        [("gate camera", "gate camera"), ("Gate 7 (north)", "Gate 7 -north-"), ("café", "café"), ("/", "unknown")],
    )
    def test_or_else_the_name_of_the_token(self, name: str, source: str) -> None:
        post(vehicle(), token=self.machine(name))
        assert on_stream()[0]["source"] == source

    def test_a_person_is_no_source(self) -> None:
        post(vehicle(), token=admin_token())
        assert on_stream()[0]["source"] == "unknown"

    def test_one_machine_cannot_rewrite_or_hide_what_another_reported(self) -> None:
        post(vehicle(id="1", category="Sedan"), token=self.machine("one"))
        post([vehicle(id="1"), vehicle(id="1", category="Sedan")], token=self.machine("other"))
        found = {(item["source"], item["category"]) for item in indexed_from_stream().values()}
        assert found == {("one", "Sedan"), ("other", "SUV"), ("other", "Sedan")}


class TestRefused:
    @pytest.mark.parametrize(
        ("wrong", "field", "subcode"),
        [
            ({"year": "2020"}, "year", 4018),
            ({"year": True}, "year", 4018),
            ({"year": 1885}, "year", 4018),
            ({"make": ""}, "make", 4018),
            ({"model": None}, "model", 4018),
            ({"category": "x" * 65}, "category", 4018),
            ({"created_at": "yesterday"}, "created_at", 4017),
            ({"created_at": 1790000000}, "created_at", 4017),
            ({"id": ""}, "id", 4003),
            ({"id": "x" * 129}, "id", 4003),
            ({"source": "gate/7"}, "source", 4018),
        ],
    )
    def test_an_invalid_item_is_named_by_its_index_and_nothing_is_put(
        self, wrong: dict[str, Any], field: str, subcode: int
    ) -> None:
        answer = post([vehicle(), vehicle(), vehicle(**wrong)])
        assert (answer.status, answer.json["code"], answer.json["subcode"]) == (400, 400, subcode)
        assert [problem["field"] for problem in answer.json["detail"]] == [f"2.{field}"]
        assert on_stream() == []

    def test_every_invalid_item_is_named(self) -> None:
        answer = post([{}, vehicle(), 7])
        fields = [problem["field"] for problem in answer.json["detail"]]
        assert fields == ["0.year", "0.make", "0.model", "0.category", "2"]

    def test_a_single_invalid_item_is_named_too(self) -> None:
        answer = post(vehicle(year="2020"))
        assert answer.status == 400
        assert [problem["field"] for problem in answer.json["detail"]] == ["year"]

    @pytest.mark.parametrize("body", ["", "nonsense", "[", "null", "7", '"text"', "[]", '{"year": NaN}', '["\\ud800"]'])
    def test_a_body_that_is_neither_an_object_nor_a_list_of_objects_is_a_400(self, body: str) -> None:
        answer = post(body)
        assert (answer.status, answer.json["subcode"]) == (400, 4018)
        assert on_stream() == []

    def test_more_than_500_are_a_400_and_nothing_is_put(self) -> None:
        assert post([vehicle()] * 501).status == 400
        assert on_stream() == []

    def test_a_body_of_more_than_half_a_mebibyte_is_a_400(self) -> None:
        assert post([vehicle(more="x" * 2000)] * 300).status == 400


class TestAccess:
    def test_a_user_is_forbidden(self) -> None:
        answer = post(vehicle(), token=access_token(Role.USER))
        assert (answer.status, answer.json["subcode"]) == (403, 4133)
        assert on_stream() == []

    def test_a_machine_with_an_active_token_may_report(self) -> None:
        made = call("POST", "/api/tokens", body={"name": "gate 7"}, token=admin_token()).json
        assert post(vehicle(), token=made["api_token"]).status == 202

    def test_a_machine_with_an_unknown_token_may_not_report(self) -> None:
        made = call("POST", "/api/tokens", body={"name": "gate 7"}, token=admin_token()).json
        call("DELETE", "/api/tokens/{token_id}", path={"token_id": made["id"]}, token=admin_token())
        assert post(vehicle(), token=made["api_token"]).status == 401
        assert on_stream() == []

    def test_a_token_is_required(self) -> None:
        answer = call("POST", "/detections", body=vehicle())
        assert (answer.status, answer.json["msg"]) == (401, "Missing Authorization Header")

    def test_a_machine_may_not_read_what_others_reported(self) -> None:
        made = call("POST", "/api/tokens", body={"name": "gate 7"}, token=admin_token()).json
        for resource in ("/detections", "/stats", "/alerts"):
            assert call("GET", resource, query={"wait": 0}, token=made["api_token"]).status == 403


class TestIdempotency:
    def test_the_same_key_and_body_put_once_and_get_the_same_response(self) -> None:
        token, reports = admin_token(), [vehicle(), vehicle()]
        answers = [post(reports, token=token, Idempotency_Key="a key") for _ in range(3)]
        assert [(answer.status, answer.json) for answer in answers] == [(202, {"accepted": 2})] * 3
        assert len(on_stream()) == 2

    def test_the_same_key_with_another_body_is_a_400(self) -> None:
        token = admin_token()
        post(vehicle(), token=token, Idempotency_Key="a key")
        answer = post(vehicle(year=2021), token=token, Idempotency_Key="a key")
        assert (answer.status, answer.json["detail"][0]["field"]) == (400, "Idempotency-Key")
        assert len(on_stream()) == 1

    def test_another_key_or_another_caller_puts_again(self) -> None:
        token = admin_token()
        post(vehicle(), token=token, Idempotency_Key="a key")
        post(vehicle(), token=token, Idempotency_Key="another")
        post(vehicle(), token=admin_token(), Idempotency_Key="a key")
        assert len(on_stream()) == 3

    def test_a_failed_request_may_be_retried_with_its_key(self) -> None:
        token = admin_token()
        with one_invocation([None] + [Fault.PARTLY] * ATTEMPTS):
            assert post(vehicle(), token=token, Idempotency_Key="a key").status == 500
        assert post(vehicle(), token=token, Idempotency_Key="a key").status == 202
        assert len(on_stream()) == 1


class TestSimulator:
    def test_a_minute_is_planned_with_a_message_for_each_second(self) -> None:
        with Wire() as wire:
            Pipeline(wire).invoke(on_schedule_pace_simulation.handler, {})
            assert [made.operation for made in wire.calls] == ["SendMessageBatch"] * 6
            entries = [entry for made in wire.calls for entry in made.parameters["Entries"]]
        assert [entry["DelaySeconds"] for entry in entries] == list(range(60))
        assert {entry["MessageBody"] for entry in entries} == {'{"detections": 3}'}

    def test_messages_that_the_queue_rejects_are_sent_again(self) -> None:
        with Wire([Fault.PARTLY]) as wire:
            Pipeline(wire).invoke(on_schedule_pace_simulation.handler, {})
            assert len(wire.calls) == 7

    def test_each_message_puts_its_number_of_vehicles(self) -> None:
        with Wire() as wire:
            Pipeline(wire).invoke(on_queue_simulate.handler, {"Records": [{"body": '{"detections": 3}'}] * 4})
            assert [made.operation for made in wire.calls] == ["PutRecords"]
        reports = on_stream()
        assert len(reports) == len({report["entry_id"] for report in reports}) == 12
        assert all(report["source"] in on_queue_simulate._CAMERAS for report in reports)
        assert all(report in catalogue.vehicles() for report in vehicles_on_stream())

    def test_a_stream_that_keeps_rejecting_fails_the_batch(self) -> None:
        with Wire([Fault.PARTLY] * ATTEMPTS) as wire, pytest.raises(DeliveryFailed):
            Pipeline(wire).invoke(on_queue_simulate.handler, {"Records": [{"body": '{"detections": 1}'}]})

    def test_the_catalogue_has_at_least_sixty_vehicles_of_which_a_fifth_are_suvs(self) -> None:
        vehicles = catalogue.vehicles()
        assert len({tuple(one.values()) for one in vehicles}) == len(vehicles) >= 60
        assert 0.15 <= sum(one["category"] == "SUV" for one in vehicles) / len(vehicles) <= 0.25
        assert len({one["make"] for one in vehicles}) >= 20
        assert len({one["category"] for one in vehicles}) >= 5

    def test_every_vehicle_in_the_catalogue_is_a_valid_report(self) -> None:
        for one in catalogue.vehicles():
            assert ReportedDetection.model_validate(one).created_at is None


def test_a_time_is_put_in_the_format_that_the_index_reads() -> None:
    post(vehicle(created_at="2026-11-22 06:10:30.5+00:00"))
    assert clock.parse(on_stream()[0]["created_at"]) == clock.parse("2026-11-22T06:10:30.500000Z")
