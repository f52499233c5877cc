"""The sender of sample events: evenly, over real HTTP, with its token, whatever the target does."""

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from accounts import on_deploy_api_token
from events import on_queue_send, on_schedule_pace_sender, pacing, samples, sending
from events.model import NewEvent, SendingPlanRecord
from sitewatch import api_tokens, aws, clock, tokens
from sitewatch.api_tokens import ApiTokenRecord
from sitewatch.callers import Role, Scope, TokenUse
from sitewatch.http_client import Request
from tests.world.aws import client
from tests.world.calling import Context, call
from tests.world.servers import MISBEHAVIOURS, NO_ANSWERS, answering, serving

NOW = datetime(2026, 11, 22, 6, 10, 3, 500_000, tzinfo=UTC)


@pytest.fixture
def token_secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """A secret with the sender's token, as the deployment creates it."""
    client("secretsmanager").create_secret(Name="sender-token", SecretString="nothing yet")
    monkeypatch.setenv("TOKEN_SECRET", "TokenSecret")
    monkeypatch.setenv("SENDER_TOKEN_SECRET", "sender-token")
    on_deploy_api_token._provide({"Name": "event-sender", "Scope": "events", "Secret": "sender-token"})
    return "sender-token"


def token_in(secret: str) -> str:
    return str(client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])


def delivered(second: int, tries: int = 1) -> dict[str, Any]:
    """A message as Lambda passes it to the function; it is in the queue too."""
    sqs, queue = client("sqs"), queue_url()
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"second": second}))
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": str(tries)},
    }


def queue_url() -> str:
    return str(client("sqs").get_queue_url(QueueName="SenderQueue")["QueueUrl"])


def second_of(valid: bool) -> int:
    """A second whose sample is valid, or invalid."""
    return next(second for second in range(1000) if (samples.sample_at(second) in samples.VALID) is valid)


def sent_to(url: str, monkeypatch: pytest.MonkeyPatch, *, second: int | None = None, tries: int = 1) -> bool:
    """Let the sender send to ``url``, and return whether the message is done."""
    monkeypatch.setenv("EVENT_TARGET_URL", url)
    record = delivered(second_of(valid=True) if second is None else second, tries)
    answer = on_queue_send.handler({"Records": [record]}, Context())
    assert answer["batchItemFailures"] in ([], [{"itemIdentifier": record["messageId"]}])
    return not answer["batchItemFailures"]


def test_there_are_at_least_eleven_valid_samples_of_three_types_and_some_invalid_ones() -> None:
    assert len(samples.VALID) >= 11
    assert {sample["event_type"] for sample in samples.VALID} == {"message", "user_joined", "user_left"}
    assert all(NewEvent(**sample) for sample in samples.VALID)
    assert samples.INVALID
    for sample in samples.INVALID:
        with pytest.raises(ValueError, match="validation error"):
            NewEvent(**sample)
    drawn = [samples.sample_at(second) for second in range(0, 5000, 5)]
    assert all(sample in drawn for sample in samples.VALID + samples.INVALID)


def test_the_deployment_issues_an_active_token_and_reissues_it_under_the_same_id(token_secret: str) -> None:
    first = tokens.verify(token_in(token_secret))
    assert (first.role, first.use, first.username) == (Role.MACHINE, TokenUse.API, "event-sender")
    assert first.scopes == {Scope.EVENTS}
    assert api_tokens.is_active(first)
    on_deploy_api_token._provide({"Name": "event-sender", "Scope": "events", "Secret": token_secret})
    assert tokens.verify(token_in(token_secret)).token_id == first.token_id
    assert ApiTokenRecord.count(api_tokens.KIND) == 1


def test_a_sample_is_posted_with_the_token_and_an_idempotency_key(
    token_secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = second_of(valid=True)
    with serving(answering(b"{}")) as server:
        assert sent_to(f"{server.url}/api/event", monkeypatch, second=second)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/event HTTP/1.1\r\n")
    assert f"Authorization: Bearer {token_in(token_secret)}".encode() in head
    assert f"Idempotency-Key: sample-{second}".encode() in head
    assert json.loads(body) == samples.sample_at(second)


def test_this_api_accepts_the_valid_samples_and_rejects_the_invalid_ones(token_secret: str) -> None:
    token = token_in(token_secret)
    for sample in samples.VALID:
        assert call("POST", "/api/event", body=sample, token=token).status == 200
    for sample in samples.INVALID:
        assert call("POST", "/api/event", body=sample, token=token).status == 400


@pytest.mark.parametrize(
    ("status", "metric", "done"),
    [
        ("200 OK", "EventsSent", True),
        ("400 Bad Request", "EventsRefused", True),
        ("401 Unauthorized", "EventsFailed", False),
        ("429 Slow Down", "EventsFailed", False),
        ("500 Oops", "EventsFailed", False),
        ("302 Found", "EventsFailed", False),
    ],
)
def test_outcomes_are_counted_and_temporary_failures_are_redelivered(
    token_secret: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: str,
    metric: str,
    done: bool,
) -> None:
    with serving(answering(b"{}", status)) as server:
        assert sent_to(server.url, monkeypatch) is done
    assert f'"{metric}":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize("misbehaviour", NO_ANSWERS)
def test_a_message_is_redelivered_however_the_target_fails(
    token_secret: str, monkeypatch: pytest.MonkeyPatch, misbehaviour: str
) -> None:
    monkeypatch.setattr(sending, "Request", partial(Request, timeout_seconds=0.3))
    with serving(MISBEHAVIOURS[misbehaviour]) as server:
        assert not sent_to(server.url, monkeypatch)


def test_the_delay_grows_with_each_attempt(token_secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []

    class Queue:
        def change_message_visibility(self, **arguments: Any) -> None:
            waits.append(arguments["VisibilityTimeout"])

    real = aws.client
    with serving(answering(b"{}", "503 Busy")) as server:
        for tries in (1, 2, 3):
            with monkeypatch.context() as patch:
                patch.setattr(aws, "client", lambda name: Queue() if name == "sqs" else real(name))
                assert not sent_to(server.url, monkeypatch, tries=tries)
    assert waits == [5, 10, 20]


def test_a_rejected_token_is_read_again(token_secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(b"{}", "401 Unauthorized"), answering(b"{}")) as server:
        assert not sent_to(server.url, monkeypatch)
        client("secretsmanager").put_secret_value(SecretId=token_secret, SecretString="a newer one")
        assert sent_to(server.url, monkeypatch)
    assert b"Bearer a newer one" in server.requests[1]


@pytest.mark.parametrize("interval", [1, 5, 7, 60])
def test_early_late_and_repeated_ticks_plan_every_second_once(interval: int) -> None:
    passed = [0.0, 0.4, 60.3, 119.0, 119.0, 205.9, 265.9, 355.0]
    planned = [second for later in passed for second in pacing.plan(NOW + timedelta(seconds=later), interval)]
    first, last = int(NOW.timestamp()) + 1, int(NOW.timestamp() + 355.0) + pacing.AHEAD_SECONDS
    assert planned == [second for second in range(first, last + 1) if second % interval == 0]


def test_of_two_ticks_at_once_one_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[int] = []
    query = SendingPlanRecord.query

    def overtaken(*arguments: Any, **more: Any) -> Any:
        found = query(*arguments, **more)
        monkeypatch.setattr(SendingPlanRecord, "query", query)
        planned.extend(pacing.plan(NOW, 5))
        return found

    pacing.plan(NOW - timedelta(minutes=1), 5)
    monkeypatch.setattr(SendingPlanRecord, "query", overtaken)
    assert pacing.plan(NOW, 5) == []
    assert planned


def test_after_a_pause_planning_resumes_from_now() -> None:
    pacing.plan(NOW, 5)
    later = NOW + timedelta(hours=3)
    assert min(pacing.plan(later, 5)) > later.timestamp()


def test_each_planned_second_is_a_message_delayed_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    def keep(queue_url: str, entries: Sequence[dict[str, Any]]) -> None:
        sent.extend(entries)

    monkeypatch.setattr(pacing, "send_messages", keep)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    on_schedule_pace_sender.handler({}, Context())
    at = [json.loads(entry["MessageBody"])["second"] for entry in sent]
    assert [entry["DelaySeconds"] for entry in sent] == [second - int(NOW.timestamp()) for second in at]
    assert len(at) == pacing.AHEAD_SECONDS // 5
    assert {later - earlier for earlier, later in itertools.pairwise(at)} == {5}


def test_planned_messages_are_in_the_queue() -> None:
    pacing.enqueue([int(NOW.timestamp())], NOW)
    [message] = client("sqs").receive_message(QueueUrl=queue_url())["Messages"]
    assert json.loads(message["Body"]) == {"second": int(NOW.timestamp())}
