"""From a record on the stream to a line in the list, a sum and an alert."""

import base64
import gzip
import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from detections.catalogue import vehicles
from runner.stack import Stack
from tests.integration.client import Client, eventually
from tests.world.aggregates import aggregated

pytestmark = pytest.mark.conformance


def put(stack: Stack, records: Sequence[bytes]) -> list[str]:
    """Put ``records`` on the stream, as a camera with AWS credentials does. Return their sequence numbers."""
    kinesis, places = stack.client("kinesis"), []
    for first in range(0, len(records), 100):
        entries = [{"Data": data, "PartitionKey": uuid.uuid4().hex} for data in records[first : first + 100]]
        answer = kinesis.put_records(StreamName=stack.detections_stream, Records=entries)
        assert answer["FailedRecordCount"] == 0
        places += [record["SequenceNumber"] for record in answer["Records"]]
    return places


@pytest.fixture
def camera(deployment: Stack, machine: Client) -> Callable[[list[dict[str, Any]]], None]:
    """Reports vehicles: on the stream, or over HTTP where the stream can not be reached."""

    def report(vehicles: list[dict[str, Any]]) -> None:
        if deployment.detections_stream:
            put(deployment, [json.dumps(each).encode() for each in vehicles])
        else:
            assert machine.post("/detections", json=vehicles).status_code == 202

    return report


def named(make: str, count: int, *, category: str = "Sedan") -> list[dict[str, Any]]:
    """Vehicles of a make that no other test uses."""
    return [
        {"id": f"{make}-{number}", "year": 2020, "make": make, "model": f"M{number}", "category": category}
        for number in range(count)
    ]


def new_make() -> str:
    return f"Make {uuid.uuid4().hex[:8]}"


def test_a_machine_reports_and_a_user_finds_it_in_the_list_and_the_sums(machine: Client, user: Client) -> None:
    make = new_make()
    answer = machine.post("/detections", json=named(make, 5))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 5})
    eventually(lambda: user.get("/stats").json().get(make), lambda count: count == 5)
    listed = user.get("/detections", params={"make": make}).json()
    assert {each["model"] for each in listed} == {f"M{number}" for number in range(5)}
    assert [each["created_at"] for each in listed] == sorted((each["created_at"] for each in listed), reverse=True)
    assert set(user.get("/stats", params={"by": "category"}).json()) >= {"Sedan"}


def test_an_invalid_item_is_named_and_nothing_of_its_list_is_put(machine: Client, user: Client) -> None:
    make = new_make()
    items = named(make, 3)
    items[2]["year"] = "2020"
    answer = machine.post("/detections", json=items)
    assert answer.status_code == 400
    assert "2" in answer.json()["detail"][0]["field"].split(".")
    follower = named(new_make(), 1)
    machine.post("/detections", json=follower)
    eventually(lambda: user.get("/stats").json().get(follower[0]["make"]))
    assert make not in user.get("/stats").json()


def test_a_user_may_not_report(user: Client) -> None:
    assert user.post("/detections", json=named("Nobody", 1)).status_code == 403


def test_the_list_can_be_paged_to_its_end(camera: Callable[[list[dict[str, Any]]], None], user: Client) -> None:
    make = new_make()
    camera(named(make, 23))
    eventually(lambda: user.get("/stats").json().get(make), lambda count: count == 23)
    found = [each for page in user.pages("/detections", make=make.upper(), limit=5) for each in page]
    assert len(found) == len({each["id"] for each in found}) == 23
    assert {each["reported_id"] for each in found} == {f"{make}-{number}" for number in range(23)}
    skipped = user.get("/detections", params={"make": make, "skip": 20}).json()
    assert skipped == found[20:]


def test_one_id_for_two_vehicles_loses_neither(machine: Client, user: Client) -> None:
    make, source = new_make(), f"camera {uuid.uuid4().hex[:8]}"
    _, seen = user.alerts(replay=0, wait=0)
    for category in ("Sedan", "SUV"):
        (report,) = named(make, 1, category=category)
        assert machine.post("/detections", json={**report, "source": source}).status_code == 202
        eventually(lambda: user.get("/detections", params={"source": source}).json(), lambda found: len(found) > 0)
    listed = eventually(
        lambda: user.get("/detections", params={"source": source}).json(), lambda found: len(found) == 2
    )
    assert {each["category"] for each in listed} == {"Sedan", "SUV"}
    assert {each["reported_id"] for each in listed} == {f"{make}-0"}
    eventually(lambda: user.get("/stats").json().get(make), lambda count: count == 2)
    alerts: list[Any] = []
    while not alerts:
        events, seen = user.alerts(seen, wait=20)
        assert events, "no alert within 20 s"
        alerts = [alert for alert in (json.loads(event["data"]) for event in events) if alert["make"] == make]
    assert [alert.keys() for alert in alerts] == [{"id", "year", "make", "model", "category", "created_at"}]


def test_several_detections_in_one_record_are_indexed(stack: Stack, user: Client) -> None:
    make = new_make()
    line = json.dumps({"year": 2021, "make": make, "model": "X", "category": "Sedan"}).encode()
    put(stack, [b"\n".join([line] * 3), gzip.compress(b"[" + line + b"]"), aggregated(line, line)])
    eventually(lambda: user.get("/stats").json().get(make), lambda count: count == 6)


def test_a_reconnecting_client_sees_each_alert_exactly_once(
    camera: Callable[[list[dict[str, Any]]], None], user: Client
) -> None:
    make = new_make()
    _, seen = user.alerts(replay=0, wait=0)
    reported = named(make, 30, category="suv")
    ours: list[str] = []
    for first in range(0, 30, 10):
        camera(reported[first : first + 10])
        # Each call is a new connection.
        while len(ours) < first + 10:
            events, seen = user.alerts(seen, wait=20)
            assert events, "no alert within 20 s"
            ours += [alert["id"] for alert in (json.loads(event["data"]) for event in events) if alert["make"] == make]
    assert len(ours) == len(set(ours)) == 30
    later, _ = user.alerts(seen, wait=0)
    assert [alert for alert in (json.loads(event["data"]) for event in later) if alert["make"] == make] == []


def test_nothing_is_lost_or_duplicated(stack: Stack, user: Client) -> None:
    # 2,000 vehicles, 5 % of them sent twice, and 1 % invalid records.
    tag = uuid.uuid4().hex[:8]
    good = [{**vehicle, "id": f"{number}", "source": tag} for number, vehicle in enumerate((vehicles() * 27)[:2000])]
    poison = [b"", b"not JSON", b"[]", b'{"year": "2020"}', b'{"make": 1}', b"\xff\xfe", b"null"] * 2
    poison += [os.urandom(1024 * 1024 - 64)] * 2 + [json.dumps({**good[0], "year": True}).encode()] * 4
    leave_quiet(user)
    by_before = sums_since(user, {by: Counter() for by in ("make", "category", "year")})
    _, seen = user.alerts(replay=0, wait=0)
    rows = [json.dumps(each).encode() for each in good]
    sent = rows[:1000] + poison[:10] + rows[1000:] + poison[10:] + rows[::20]
    places = put(stack, sent)
    rejected = {place for place, data in zip(places, sent, strict=True) if data in poison}

    expected = {by: Counter(str(each[by]) for each in good) for by in by_before}
    eventually(lambda: sums_since(user, by_before), lambda sums: sums == expected)
    suspicious = sum(each["category"] == "SUV" for each in good)
    alerts: list[str] = []
    while len(alerts) < suspicious:
        events, seen = user.alerts(seen, wait=20)
        assert events, f"{len(alerts)} of {suspicious} alerts"
        alerts += [json.loads(event["data"])["id"] for event in events]
    listed = [each for page in user.pages("/detections", source=tag, category="SUV", limit=1000) for each in page]
    assert sorted(alerts) == sorted(each["id"] for each in listed)
    assert len(listed) == suspicious
    assert sorted(quarantined(stack, rejected)) == sorted(poison)
    # Nothing changes once the repeated records have been read too.
    assert user.alerts(seen, wait=1)[0] == []
    assert sums_since(user, by_before) == expected


def sums_since(user: Client, before: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    """The growth of each sum since ``before``."""
    return {by: Counter(user.get("/stats", params={"by": by}).json()) - sums for by, sums in before.items()}


def leave_quiet(user: Client) -> None:
    """Skip the test if others report detections too, because their sums cannot be compared."""
    before = user.get("/stats").json()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        if user.get("/stats").json() != before:
            pytest.skip("others report detections here: SIMULATE=off stops the simulated cameras")


def quarantined(stack: Stack, places: set[str]) -> list[bytes]:
    """Take the records with these sequence numbers out of quarantine, and return their bytes."""
    sqs, s3 = stack.client("sqs"), stack.client("s3")
    url = sqs.get_queue_url(QueueName=f"{stack.stack_name}-quarantine.fifo")["QueueUrl"]
    found: list[bytes] = []

    def receive() -> int:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            body = json.loads(message["Body"])
            if body["sequence_number"] not in places:
                continue
            assert body["reason"]
            found.append(
                base64.b64decode(body["data"])
                if "data" in body
                else s3.get_object(Bucket=body["bucket"], Key=body["key"])["Body"].read()
            )
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found)

    eventually(receive, lambda received: received >= len(places))
    return found
