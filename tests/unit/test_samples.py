"""The sample events: each function has one, and it works."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from accounts import password_changes
from accounts.model import UserRecord
from datapoints import source
from datapoints.source import SourcePoint
from events import pacing
from events.model import EventRecord
from incidents.model import IncidentRecord, state_id
from occupancy import recording
from occupancy.model import Reading
from rules.model import RuleRecord
from sitewatch import clock, custom_resource, directory, http_client, ids
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.audit import OPERATOR
from sitewatch.callers import Role
from sitewatch.http_client import Request, Response
from sitewatch.partitions import position
from sources.model import SourceRecord
from tests.world import people
from tests.world.aws import client
from tests.world.calling import Context, access_token, call, handler_of
from tests.world.environment import ACCOUNT, queue_name
from tests.world.faults import one_invocation
from tests.world.template import ROOT, resources, sample_name

pytestmark = pytest.mark.usefixtures("cheap_hashing")

SAMPLES = ROOT / "events"
SENDER, RECIPIENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRZ"
FUNCTIONS = {sample_name(name): properties for name, properties in resources("AWS::Serverless::Function").items()}
APIS = sorted(
    sample
    for sample, properties in FUNCTIONS.items()
    if "Api" in {event["Type"] for event in properties.get("Events", {}).values()}
)


def _invoke(sample: str, access: str = "", refresh: str = "", reset: str = "") -> Any:
    """Do what ``sam local invoke -e events/<sample>.json`` does, with real tokens for the placeholders."""
    text = (SAMPLES / f"{sample}.json").read_text(encoding="utf-8")
    for placeholder, token in (("ACCESS_TOKEN", access), ("REFRESH_TOKEN", refresh), ("RESET_TOKEN", reset)):
        text = text.replace(placeholder, token)
    event = json.loads(text)
    return handler_of(FUNCTIONS[sample]["Handler"])(event, Context())


def _messages(queue: str) -> list[str]:
    """Return the bodies of a queue's messages, including delayed ones."""
    from moto.sqs.models import sqs_backends  # noqa: PLC0415

    return [str(message.body) for message in sqs_backends[ACCOUNT]["us-east-1"].queues[queue_name(queue)]._messages]


def test_every_function_has_exactly_one_sample() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(FUNCTIONS)


@pytest.mark.parametrize("sample", APIS)
def test_a_sample_request_is_for_a_route_of_its_function(sample: str) -> None:
    event = json.loads((SAMPLES / f"{sample}.json").read_text(encoding="utf-8"))
    events = FUNCTIONS[sample]["Events"].values()
    assert (event["httpMethod"], event["resource"]) in {
        (one["Properties"]["Method"].upper(), one["Properties"]["Path"]) for one in events
    }
    assert event["requestContext"]["resourcePath"] == event["resource"]
    assert event["multiValueHeaders"] == {name: [value] for name, value in event["headers"].items()}


def _alice() -> None:
    people.sign_up("alice")


def _token_to_revoke() -> None:
    ApiTokenRecord(
        KIND,
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        name="camera",
        created_by=ids.new_id(),
        created_at=clock.now(),
        expires_at=clock.now(),
    ).save()


def _two_people() -> None:
    """Store the users of the samples: the sender, who calls, and the recipient."""
    for user_id, username in ((SENDER, "sender"), (RECIPIENT, "recipient")):
        key = directory.user_key(user_id)
        user = UserRecord(key, id=user_id, username=username, password_hash="", role="user", created_at=clock.now())
        user.save()


def _a_finished_job() -> None:
    _two_people()
    _invoke("work_jobs")


def _event() -> None:
    EventRecord(
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        event_type="user_joined",
        event_payload="alice",
        created_at=clock.now(),
        updated_at=clock.now(),
        version=1,
        time_partition="0#",
        type_partition="0#user_joined",
    ).save()


def _rule() -> None:
    RuleRecord(
        id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
        version=1,
        definition=json.loads(_sample("post_rules")["body"]) | {"hold": 0},
        created_at=clock.now(),
        updated_at=clock.now(),
    ).save()


def _source() -> None:
    SourceRecord("door", "front door").save()


def _incident() -> None:
    incident_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    now = clock.now()
    IncidentRecord(
        incident_id,
        number=1,
        version=1,
        cause=state_id(incident_id, "gate"),
        rule_id=incident_id,
        rule_name="forced doors",
        rule_version=1,
        severity="warning",
        state="open",
        title="gate",
        opened_at=now,
        last_at=now,
        occurrences=1,
        position=position(now, incident_id),
        time_partition="open",
        rule_partition=f"open#{incident_id}",
    ).save()


def _reading() -> None:
    recording.record(Reading(sensor="door-1", ts=clock.now(), in_count=2, out=1), ids.new_id())


@pytest.fixture(autouse=True)
def instrument(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the source of data points, as there is no network, and seed the simulator so that it succeeds."""
    point = SourcePoint(time=1_795_327_830, value=[157, 42, 76, 190], tags=["sample"])
    monkeypatch.setattr(source, "fetch", lambda url: point)
    monkeypatch.setattr("datapoints.get_simulator_data_point._rng", random.Random(1))


def _nothing() -> None:
    """The sample needs no data."""


GIVEN: dict[str, Callable[[], None]] = {
    "post_token": _alice,
    "post_auth_login": _alice,
    "post_login": _alice,
    "post_auth_refresh": _alice,
    "get_users_me": _alice,
    "put_users_me_password": _alice,
    "post_auth_reset_password": _alice,
    "post_user_password_reset": _two_people,
    "delete_api_token": _token_to_revoke,
    "post_auth_logout": _two_people,
    "patch_user": _two_people,
    "delete_user": _two_people,
    "get_messages": _a_finished_job,
    "get_notifications": _a_finished_job,
    "get_job": _a_finished_job,
    "get_event": _event,
    "put_event": _event,
    "patch_event": _event,
    "delete_event": _event,
    "get_rule": _rule,
    "put_rule": _rule,
    "delete_rule": _rule,
    "get_source": _source,
    "delete_source": _source,
    "get_incident": _incident,
    "post_act": _incident,
    "post_acts": _incident,
    "get_sensor_occupancy": _reading,
    "get_sensor_history": _reading,
}
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
    GIVEN.get(sample, _nothing)()
    alice = people.stored("alice").id if GIVEN.get(sample) is _alice else SENDER
    refresh = people.log_in("alice")["refresh_token"] if sample == "post_auth_refresh" else ""
    reset = password_changes.issue_reset(alice, OPERATOR)[0] if sample == "post_auth_reset_password" else ""

    answer = _invoke(sample, access_token(Role.ADMIN, subject=alice), refresh, reset)
    assert answer["statusCode"] == STATUS.get(sample, 200), answer["body"]


LISTS_ACCEPTED = {"post_detections", "post_event", "post_messages"}


def _sample(sample: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((SAMPLES / f"{sample}.json").read_text(encoding="utf-8"))
    return event


@pytest.mark.parametrize("sample", [each for each in APIS if (_sample(each)["body"] or "").startswith("{")])
def test_a_list_where_an_object_is_due_is_a_400_that_calls_nothing(sample: str) -> None:
    event = _sample(sample)
    event["headers"]["Authorization"] = f"Bearer {access_token(Role.ADMIN, subject=SENDER)}"
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
    _invoke("index_detections")
    assert client("dynamodb").scan(TableName="DetectionsTable")["Count"] == 2
    (quarantined,) = _messages("QuarantineQueue")
    assert "json" in json.loads(quarantined)["reason"].lower()


def test_the_table_change_sample_is_counted() -> None:
    _invoke("follow_detections")
    assert call("GET", "/stats", token=access_token()).json == {"Acura": 1, "Audi": 1}


def test_the_suspicious_change_sample_is_published() -> None:
    _invoke("follow_detections")
    (message,) = _messages("AlertsQueue")
    assert json.loads(message)["make"] == "Acura"


def test_clients_can_read_the_published_alert_sample() -> None:
    _invoke("record_alerts")
    answer = call("GET", "/alerts", query={"wait": 0}, token=access_token())
    assert "event: new_alert" in answer.text
    assert '"Acura"' in answer.text


def test_the_published_alert_sample_is_what_the_change_sample_publishes() -> None:
    _invoke("follow_detections")
    event = json.loads((SAMPLES / "record_alerts.json").read_text(encoding="utf-8"))
    assert [json.loads(record["body"]) for record in event["Records"]] == [
        json.loads(message) for message in _messages("AlertsQueue")
    ]


def test_the_simulation_schedule_sample_plans_a_minute() -> None:
    _invoke("pace_simulation")
    assert len(_messages("SimulationQueue")) == 60


def test_the_simulation_plan_sample_puts_vehicles_on_the_stream() -> None:
    _invoke("simulate_detections")
    kinesis = client("kinesis")
    (shard,) = kinesis.list_shards(StreamName="DetectionsStream")["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName="DetectionsStream", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert len(kinesis.get_records(ShardIterator=iterator)["Records"]) == 3


def test_the_jobs_sample_delivers_one_message_and_rejects_one_without_text() -> None:
    _two_people()
    assert _invoke("work_jobs") == {"batchItemFailures": []}
    received = call("GET", "/notifications", token=access_token(subject=SENDER)).json["notifications"]
    assert [one["message"].get("subcode") for one in received] == [4010, None]
    assert len(call("GET", "/notifications", token=access_token(subject=RECIPIENT)).json["notifications"]) == 1


def test_the_change_sample_is_watched_by_the_rule_about_suspicious_vehicles() -> None:
    definition = {"name": "suspicious-vehicles", "on": "detection", "match": {"suspicious": [True]}}
    assert call("POST", "/rules", token=access_token(Role.ADMIN), body=definition).status == 201
    _invoke("watch")
    [incident] = call("GET", "/incidents", token=access_token()).json["incidents"]
    assert (incident["source"], incident["occurrences"]) == ("unknown", 1)


def test_the_trial_sample_notifies_who_asked() -> None:
    assert _invoke("try_rule") == {"batchItemFailures": []}
    (received,) = call("GET", "/notifications", token=access_token(subject=SENDER)).json["notifications"]
    assert (received["code"], received["message"]["tried"]["signals"]) == (10098, 0)


def test_the_tick_and_timer_samples_find_nothing_to_do() -> None:
    _invoke("tick")
    _invoke("expire")
    assert _messages("TimersQueue") == []


def test_the_failed_job_sample_notifies_its_owner_and_reaches_the_dead_letter_queue() -> None:
    assert _invoke("give_up_jobs") == {"batchItemFailures": []}
    (received,) = call("GET", "/notifications", token=access_token(subject=SENDER)).json["notifications"]
    assert received["message"]["subcode"] == 5000
    assert len(_messages("JobsDeadLetterQueue")) == 1


def test_the_populate_schedule_sample_stores_a_data_point() -> None:
    _invoke("populate")
    (point,) = call("GET", "/api/data", token=access_token(Role.ADMIN)).json
    assert (point["time"], point["value"]) == ("2026-11-22T06:10:30Z", -0.19938130676746368)


def test_the_sender_schedule_sample_plans_its_messages() -> None:
    _invoke("pace_sender")
    assert len(_messages("SenderQueue")) == pacing.AHEAD_SECONDS // 5


def test_the_planned_event_sample_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Request] = []

    def send(request: Request) -> Response:
        sent.append(request)
        return Response(200, {}, b"{}")

    monkeypatch.setattr(http_client, "send", send)
    client("secretsmanager").create_secret(Name="SenderTokenSecret", SecretString="token")
    assert _invoke("send_event") == {"batchItemFailures": []}
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
    _invoke(sample)
    assert [answer["Status"] for answer in responses] == ["SUCCESS"]
