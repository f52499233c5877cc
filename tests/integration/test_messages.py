"""Messages, jobs and notifications on the deployed system, as clients use them."""

import contextlib
import json
import os
import random
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from runner.__main__ import main
from runner.stack import Stack
from tests.integration.client import Client, eventually
from tests.integration.workers import emulators, needs_linux, workers

IMAGE = {"type": "image", "url": "https://example.com/gate.png", "width": 640, "height": 480}
VIDEO = {"type": "video", "url": "https://example.com/gate", "source": "vimeo"}
TEXT = {"type": "text", "text": "😀" * 4096}
NO_TEXT = {"type": "text"}


@pytest.fixture
def daikiri(deployment: Stack) -> Iterator[Client]:
    """A client logged in as the operator who is there already."""
    with Client(deployment.base_url) as client:
        client.log_in(*deployment.user)
        yield client


def notifications(client: Client, limit: int = 1000) -> list[dict[str, Any]]:
    answer = client.get("/notifications", params={"limit": limit})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["notifications"])


def outcomes(client: Client, job_ids: list[str]) -> list[dict[str, Any]]:
    """Wait for the notifications of these jobs, and return them in the jobs' order."""
    found = eventually(
        lambda: {each["job_id"]: each for each in notifications(client)}, lambda found: found.keys() >= set(job_ids)
    )
    return [found[job_id] for job_id in job_ids]


def send(client: Client, recipient: str, content: object) -> str:
    body = {"sender_id": client.user_id, "recipient_id": recipient, "content": content}
    answer = client.post("/messages", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


@pytest.mark.conformance
def test_a_client_signs_up_sends_messages_and_reads_them(daikiri: Client, user: Client) -> None:
    new = {"username": f"made-{uuid.uuid4().hex[:8]}", "password": "a secret"}
    jobs = []
    for _ in range(2):
        answer = daikiri.post("/users", json=new)
        assert answer.status_code == 202, answer.text
        jobs.append(answer.json()["job_id"])
        outcomes(daikiri, jobs)
    created, taken = outcomes(daikiri, jobs)
    assert (created["is_error"], created["code"], created["title"]) == (False, 10099, "User Creation")
    assert (taken["is_error"], taken["message"]["code"], taken["message"]["subcode"]) == (True, 400, 4004)
    assert new["username"] in {each["username"] for page in daikiri.pages("/users") for each in page["users"]}
    assert daikiri.post("/login", json=new).status_code == 200

    sent = [IMAGE, VIDEO, TEXT]
    jobs = [send(daikiri, user.user_id, content) for content in [*sent, NO_TEXT]]
    *good, refused = outcomes(daikiri, jobs)
    assert [each["is_error"] for each in good] == [False] * 3
    assert refused["message"] == {"code": 400, "subcode": 4010, "error": "Invalid Text"}
    assert [daikiri.get(f"/jobs/{job_id}").json()["status"] for job_id in jobs] == ["done"] * 3 + ["failed"]
    assert sorted(each["code"] for each in notifications(user)) == [10096] * 3

    asked = {"sender_id": daikiri.user_id, "recipient_id": user.user_id, "limit": 2}
    pages = [[message["content"] for message in page["messages"]] for page in user.pages("/messages", **asked)]
    assert pages == [[TEXT, VIDEO], [IMAGE]]
    # An older client sends its parameters as the body of its GET.
    by_body = daikiri.request("GET", "/messages", json=asked)
    assert [message["content"] for message in by_body.json()["messages"]] == [TEXT, VIDEO]
    assert daikiri.request("GET", "/notifications", content="{").json()["subcode"] == 4018


@pytest.mark.conformance
def test_another_users_ids_are_the_same_404_as_unknown_ones(daikiri: Client, user: Client) -> None:
    job_id = send(daikiri, daikiri.user_id, VIDEO)
    outcomes(daikiri, [job_id])
    own = {"sender_id": daikiri.user_id, "recipient_id": daikiri.user_id}
    nobody = dict.fromkeys(own, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    for anothers, unknown in (
        (user.get(f"/jobs/{job_id}"), user.get("/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV")),
        (user.get("/messages", params=own), user.get("/messages", params=nobody)),
    ):
        assert (anothers.status_code, anothers.json()) == (404, unknown.json())
    assert user.get("/notifications").json() == {"notifications": []}


# --- Delivered twice, to workers that are killed ---------------------------------------------------

CLIENTS, JOBS_EACH = 8, 25
"""Few clients, because each one at the same time costs a cold start."""


class Killer(threading.Thread):
    """Kills the emulator's job workers at random times until it is stopped."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.killed = 0
        self._emulators = emulators(stack)
        self._ends = threading.Event()

    def run(self) -> None:
        while not self._ends.wait(random.uniform(0.1, 0.5)):
            for pid in workers("WorkJobsFunction", self._emulators):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed += 1

    def stop(self) -> None:
        self._ends.set()
        self.join()


@pytest.fixture
def quick_retries(stack: Stack) -> Iterator[None]:
    """Redeliver the message of a killed worker after a second, and up to 100 times."""
    sqs = stack.client("sqs")
    queue = stack.resources("AWS::SQS::Queue")["JobsQueue"]
    names = ["VisibilityTimeout", "RedrivePolicy"]
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    policy = json.dumps({**json.loads(before["RedrivePolicy"]), "maxReceiveCount": 100})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": policy})
    yield
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)


@pytest.mark.usefixtures("quick_retries")
@needs_linux
def test_two_hundred_jobs_delivered_twice_to_workers_that_are_killed_happen_once(stack: Stack) -> None:
    queue, sqs = stack.resources("AWS::SQS::Queue")["JobsQueue"], stack.client("sqs")
    clients = [Client(stack.base_url) for _ in range(CLIENTS)]
    for client in clients:
        client.sign_up()
    killer = Killer(stack)
    killer.start()

    def post(client: Client) -> list[str]:
        recipient = clients[(clients.index(client) + 1) % CLIENTS].user_id
        posted = []
        for number in range(JOBS_EACH):
            content = {"type": "text", "text": f"{number}"}
            posted.append(send(client, recipient, content))
            job = {
                "id": posted[-1],
                "kind": {"name": "new_message", "title": "New Message", "code": 10095},
                "owner": client.user_id,
                "role": "user",
                "request": {"sender_id": client.user_id, "recipient_id": recipient, "content": content},
            }
            sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(job))
        return posted

    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = list(pool.map(post, clients))
    eventually(lambda: killer.killed)
    killer.stop()

    def settled() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return set(counts.values()) == {"0"}

    eventually(settled, deadline_seconds=120)
    for number, client in enumerate(clients):
        found = notifications(client)
        assert Counter(each["job_id"] for each in found if each["code"] == 10095) == Counter(asked[number])
        assert Counter(each["job_id"] for each in found if each["code"] == 10096) == Counter(asked[number - 1])
        query = {"sender_id": client.user_id, "recipient_id": clients[(number + 1) % CLIENTS].user_id}
        messages = client.get("/messages", params=query).json()["messages"]
        assert [message["id"] for message in messages] == sorted(asked[number], reverse=True)
        client.close()


# --- The dead-letter queue -------------------------------------------------------------------------


def test_a_job_in_the_dead_letter_queue_is_failed_and_redriven(
    user: Client, stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queues = stack.resources("AWS::SQS::Queue")
    sqs = stack.client("sqs")
    job_id = f"01{uuid.uuid4().int % 10**24:024}"
    job = {
        "id": job_id,
        "kind": {"name": "new_message", "title": "New Message", "code": 10095},
        "owner": user.user_id,
        "role": "user",
        "request": {"sender_id": user.user_id, "recipient_id": user.user_id, "content": VIDEO},
    }
    # As the queue moves it after the worker has failed five times.
    sqs.send_message(QueueUrl=queues["FailedJobsQueue"], MessageBody=json.dumps(job))
    failed = eventually(lambda: user.get(f"/jobs/{job_id}"), lambda answer: answer.status_code == 200).json()
    assert failed["status"] == "failed"
    assert failed["notification"]["message"] == {"code": 500, "subcode": 5000, "error": "Unexpected Error"}

    def dead() -> int:
        counts = sqs.get_queue_attributes(
            QueueUrl=queues["JobsDeadLetterQueue"], AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(counts["Attributes"]["ApproximateNumberOfMessages"])

    eventually(dead)

    file = tmp_path / "stack.json"
    stack.write(file)
    assert main(["redrive", "jobs", "--stack-file", str(file)]) == 0
    assert "sent again" in capsys.readouterr().out
    eventually(lambda: user.get(f"/jobs/{job_id}").json()["status"], lambda status: status == "done")
    assert [each["is_error"] for each in notifications(user)] == [False, True]
    assert dead() == 0
