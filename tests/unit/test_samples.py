"""The sample events: each function has one, and it works."""

import json
import random
from typing import Any

import pytest

from datapoints import source
from datapoints.source import SourcePoint
from events import pacing
from sitewatch import custom_resource, http_client
from sitewatch.callers import Role
from sitewatch.http_client import Request, Response
from tests.world import samples
from tests.world.aws import client
from tests.world.calling import Context, access_token, call, handler_of
from tests.world.environment import ACCOUNT, queue_name
from tests.world.faults import one_invocation
from tests.world.samples import APIS, FUNCTIONS, RECIPIENT, SAMPLES, SENDER

pytestmark = pytest.mark.usefixtures("cheap_hashing")


def _messages(queue: str) -> list[str]:
    """Return the bodies of a queue's messages, including delayed ones."""
    from moto.sqs.models import sqs_backends  # noqa: PLC0415

    return [str(message.body) for message in sqs_backends[ACCOUNT]["us-east-1"].queues[queue_name(queue)]._messages]


def test_every_function_has_exactly_one_sample() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(FUNCTIONS)


@pytest.mark.parametrize("sample", APIS)
def test_a_sample_request_is_for_a_route_of_its_function(sample: str) -> None:
    event = samples.event(sample)
    events = FUNCTIONS[sample]["Events"].values()
    assert (event["httpMethod"], event["resource"]) in {
        (one["Properties"]["Method"].upper(), one["Properties"]["Path"]) for one in events
    }
    assert event["requestContext"]["resourcePath"] == event["resource"]
    assert event["multiValueHeaders"] == {name: [value] for name, value in event["headers"].items()}


@pytest.fixture(autouse=True)
def instrument(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the source of data points, as there is no network, and seed the simulator so that it succeeds."""
    point = SourcePoint(time=1_795_327_830, value=[157, 42, 76, 190], tags=["sample"])
    monkeypatch.setattr(source, "fetch", lambda url: point)
    monkeypatch.setattr("datapoints.get_simulator_data_point._rng", random.Random(1))


CREATED = {"post_users", "post_auth_signup", "post_api_tokens", "post_rules", "post_user_password_reset"}
ACCEPTED = {"post_detections", "post_messages", "post_try"}
EMPTY = {
    "delete_api_token",
    "delete_event",
    "delete_rule",
    "delete_source",
    "delete_user",
    "post_auth_logout",
    "post_auth_reset_password",
    "preflight",
    "put_users_me_password",
}
STATUS = dict.fromkeys(ACCEPTED, 202) | dict.fromkeys(EMPTY, 204) | dict.fromkeys(CREATED, 201)


@pytest.mark.parametrize("sample", APIS)
def test_a_sample_request_succeeds(sample: str) -> None:
    request = samples.request(sample)
    answer = handler_of(FUNCTIONS[sample]["Handler"])(request, Context())
    assert answer["statusCode"] == STATUS.get(sample, 200), answer["body"]


LISTS_ACCEPTED = {"post_detections", "post_event", "post_messages"}


@pytest.mark.parametrize("sample", [each for each in APIS if (samples.event(each)["body"] or "").startswith("{")])
def test_a_list_where_an_object_is_due_is_a_400_that_calls_nothing(sample: str) -> None:
    event = samples.event(sample, access_token(Role.ADMIN, subject=SENDER))
    event["body"] = f" [{event['body']}, {event['body']}]"
    with one_invocation() as wire:
        answer = handler_of(FUNCTIONS[sample]["Handler"])(event, Context())
    if sample in LISTS_ACCEPTED:
        assert answer["statusCode"] < 300
        assert wire.calls != []
    else:
        assert (answer["statusCode"], json.loads(answer["body"])["detail"][0]["field"]) == (400, "body")
        assert wire.calls == []


def test_the_stream_sample_holds_two_detections_and_an_invalid_record() -> None:
    samples.invoke("index_detections")
    assert client("dynamodb").scan(TableName="DetectionsTable")["Count"] == 2
    (quarantined,) = _messages("QuarantineQueue")
    assert "json" in json.loads(quarantined)["reason"].lower()


def test_the_table_change_sample_is_counted() -> None:
    samples.invoke("follow_detections")
    assert call("GET", "/stats", token=access_token()).json == {"Acura": 1, "Audi": 1}


def test_the_suspicious_change_sample_is_published() -> None:
    samples.invoke("follow_detections")
    (message,) = _messages("AlertsQueue")
    assert json.loads(message)["make"] == "Acura"


def test_clients_can_read_the_published_alert_sample() -> None:
    samples.invoke("record_alerts")
    answer = call("GET", "/alerts", query={"wait": 0}, token=access_token())
    assert "event: new_alert" in answer.text
    assert '"Acura"' in answer.text


def test_the_published_alert_sample_is_what_the_change_sample_publishes() -> None:
    samples.invoke("follow_detections")
    assert [json.loads(record["body"]) for record in samples.event("record_alerts")["Records"]] == [
        json.loads(message) for message in _messages("AlertsQueue")
    ]


def test_the_simulation_schedule_sample_plans_a_minute() -> None:
    samples.invoke("pace_simulation")
    assert len(_messages("SimulationQueue")) == 60


def test_the_simulation_plan_sample_puts_vehicles_on_the_stream() -> None:
    samples.invoke("simulate_detections")
    kinesis = client("kinesis")
    (shard,) = kinesis.list_shards(StreamName="DetectionsStream")["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName="DetectionsStream", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert len(kinesis.get_records(ShardIterator=iterator)["Records"]) == 3


def test_the_jobs_sample_delivers_one_message_and_rejects_one_without_text() -> None:
    samples.two_people()
    assert samples.invoke("work_jobs") == {"batchItemFailures": []}
    received = call("GET", "/notifications", token=access_token(subject=SENDER)).json["notifications"]
    assert [one["message"].get("subcode") for one in received] == [4010, None]
    assert len(call("GET", "/notifications", token=access_token(subject=RECIPIENT)).json["notifications"]) == 1


def test_the_change_sample_is_watched_by_the_rule_about_suspicious_vehicles() -> None:
    definition = {"name": "suspicious-vehicles", "on": "detection", "match": {"suspicious": [True]}}
    assert call("POST", "/rules", token=access_token(Role.ADMIN), body=definition).status == 201
    samples.invoke("watch")
    [incident] = call("GET", "/incidents", token=access_token()).json["incidents"]
    assert (incident["source"], incident["occurrences"]) == ("unknown", 1)


def test_the_trial_sample_notifies_who_asked() -> None:
    assert samples.invoke("try_rule") == {"batchItemFailures": []}
    (received,) = call("GET", "/notifications", token=access_token(subject=SENDER)).json["notifications"]
    assert (received["code"], received["message"]["tried"]["signals"]) == (10098, 0)


def test_the_tick_and_timer_samples_find_nothing_to_do() -> None:
    samples.invoke("tick")
    samples.invoke("expire")
    assert _messages("TimersQueue") == []


def test_the_failed_job_sample_notifies_its_owner_and_reaches_the_dead_letter_queue() -> None:
    assert samples.invoke("give_up_jobs") == {"batchItemFailures": []}
    (received,) = call("GET", "/notifications", token=access_token(subject=SENDER)).json["notifications"]
    assert received["message"]["subcode"] == 5000
    assert len(_messages("JobsDeadLetterQueue")) == 1


def test_the_populate_schedule_sample_stores_a_data_point() -> None:
    samples.invoke("populate")
    (point,) = call("GET", "/api/data", token=access_token(Role.ADMIN)).json
    assert (point["time"], point["value"]) == ("2026-11-22T06:10:30Z", -0.19938130676746368)


def test_the_sender_schedule_sample_plans_its_messages() -> None:
    samples.invoke("pace_sender")
    assert len(_messages("SenderQueue")) == pacing.AHEAD_SECONDS // 5


def test_the_planned_event_sample_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Request] = []

    def send(request: Request) -> Response:
        sent.append(request)
        return Response(200, {}, b"{}")

    monkeypatch.setattr(http_client, "send", send)
    client("secretsmanager").create_secret(Name="SenderTokenSecret", SecretString="token")
    assert samples.invoke("send_event") == {"batchItemFailures": []}
    assert [request.headers["Authorization"] for request in sent] == ["Bearer token"]


@pytest.mark.parametrize(
    "sample", ["provision_signing_key", "provision_user", "provision_api_token", "provision_rule", "provision_examples"]
)
def test_a_custom_resource_sample_succeeds(monkeypatch: pytest.MonkeyPatch, sample: str) -> None:
    responses: list[dict[str, Any]] = []

    class Pool:
        @staticmethod
        def request(method: str, url: str, *, body: bytes, headers: object) -> None:
            responses.append(json.loads(body))

    monkeypatch.setattr(custom_resource, "_http", Pool)
    client("secretsmanager").create_secret(Name="SenderTokenSecret", SecretString="nothing yet")
    samples.invoke(sample)
    assert [answer["Status"] for answer in responses] == ["SUCCESS"]
