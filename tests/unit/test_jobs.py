"""Jobs: each happens once or not at all, however it is delivered and wherever its worker is killed."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.model import UsernameClaim, UserRecord
from messages.model import MessageRecord
from sitewatch import ids
from sitewatch.directory import claim_key
from sitewatch.job_worker import JobNotFinished
from sitewatch.jobs import JobRecord, JobState
from tests.world import jobs
from tests.world.calling import call
from tests.world.faults import Call, Fault, Faults, Killed, at_call, forget_unfinished_requests, one_invocation
from tests.world.template import resources

STOPS = [Fault.KILLED_BEFORE, Fault.KILLED_AFTER]
FAULTS = [*STOPS, Fault.RESPONSE_LOST, Fault.THROTTLED]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without pausing."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


@pytest.fixture
def two_users() -> tuple[str, str, str, str]:
    """The ids and tokens of two users."""
    return *jobs.add_user("alice"), *jobs.add_user("bob")


def deliver_despite(records: Sequence[jobs.Record], faults: Faults) -> Sequence[jobs.Record]:
    """Pass ``records`` to a worker during faults. Return those that the queue would deliver again."""
    try:
        with one_invocation(faults):
            return jobs.deliver(records)
    except Killed:
        return records


def until_done(records: Sequence[jobs.Record]) -> None:
    """Deliver ``records`` and check that the worker did them all."""
    for batch in jobs.batches(records):
        assert jobs.deliver(batch) == []


# --- POST: queue first, record second --------------------------------------------------------------


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("number", range(2))
def test_a_killed_request_leaves_no_pending_job_off_the_queue(
    two_users: tuple[str, str, str, str], number: int, stop: Fault
) -> None:
    alice, alices, bob, _ = two_users
    with one_invocation() as wire:
        jobs.send(alices, jobs.text_to(bob, alice, "before"))
    assert [made.operation for made in wire.calls] == ["SendMessage", "PutItem"]
    jobs.work_all()

    with one_invocation(at_call(number, stop)), pytest.raises(Killed):
        call("POST", "/messages", body=jobs.text_to(bob, alice, "killed"), token=alices)
    queued = jobs.take()
    until_done(queued)
    states = {record.state for record in jobs.stored_jobs().values()}
    assert states == {JobState.DONE.value}, "no job is pending that is not on the queue"
    assert len(jobs.messages(alices, alice, bob)) == 1 + len(queued)


def test_a_worker_faster_than_the_request_keeps_its_outcome(two_users: tuple[str, str, str, str]) -> None:
    alice, alices, bob, _ = two_users

    def work_between(made: Call) -> None:
        if made.operation == "PutItem":
            wire.fault_of = lambda _: None
            jobs.work_all()

    with one_invocation(work_between) as wire:
        job_id = jobs.send(alices, jobs.text_to(bob, alice))
    assert jobs.job(job_id, alices)["status"] == "done"


@pytest.mark.usefixtures("cheap_hashing")
@pytest.mark.parametrize("path", ["/messages", "/users"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_killed_request_retried_with_its_idempotency_key_makes_one_job(
    two_users: tuple[str, str, str, str], monkeypatch: pytest.MonkeyPatch, path: str, fault: Fault
) -> None:
    alice, alices, bob, _ = two_users
    for number in range(6):
        key = {"Idempotency-Key": ids.new_id()}
        body = jobs.text_to(bob, alice) if path == "/messages" else {"username": f"neu-{number}", "password": "12345"}
        first = None
        with suppress(Killed), one_invocation(at_call(number, fault)):
            first = call("POST", path, body=body, token=alices, headers=key)
        if first is None or first.status != 202:
            forget_unfinished_requests()
        second = call("POST", path, body=body, token=alices, headers=key)
        assert second.status == 202
        if first is not None and first.status == 202:
            assert first.json == second.json
        assert call("POST", path, body={**body, "x": 1}, token=alices, headers=key).status == 400
        queued = jobs.take()
        assert {jobs.body_of(record)["id"] for record in queued} == {second.json["job_id"]}
        until_done(queued)
        assert jobs.job(second.json["job_id"], alices)["status"] == "done"
    assert len(jobs.notifications(alices)) == 6


# --- The worker ------------------------------------------------------------------------------------

GOOD, BAD, NEW_USER = "a good message", "a bad message", "a new user"


def ask(kind: str, alice: str, alices: str, bob: str, name: str) -> str:
    if kind == NEW_USER:
        answer = call("POST", "/users", body={"username": name, "password": "12345"}, token=alices)
        assert answer.status == 202, answer.text
        return str(answer.json["job_id"])
    return jobs.send(alices, jobs.text_to(bob, alice, "hello" if kind == GOOD else ""))


def assert_each_happened_once(asked: dict[str, str], alices: str, bobs: str, alice: str, bob: str) -> None:
    """Check that each job of ``asked`` (id to kind) has one outcome, and one notification for each side."""
    told = Counter(each["job_id"] for each in jobs.notifications(alices))
    assert told == Counter(asked.keys())
    for job_id, kind in asked.items():
        assert jobs.job(job_id, alices)["status"] == ("failed" if kind == BAD else "done")
    delivered = [job_id for job_id, kind in asked.items() if kind == GOOD]
    assert sorted(each["id"] for each in jobs.messages(bobs, alice, bob)) == sorted(delivered)
    assert sorted(each["job_id"] for each in jobs.notifications(bobs)) == sorted(delivered)
    users = {user.id for user in UserRecord.scan(UserRecord.kind == "user")}
    assert {job_id for job_id, kind in asked.items() if kind == NEW_USER} <= users


@pytest.mark.usefixtures("cheap_hashing")
@pytest.mark.parametrize("kind", [GOOD, BAD, NEW_USER])
def test_a_worker_killed_at_any_call_leaves_all_of_a_job_or_nothing(
    two_users: tuple[str, str, str, str], kind: str
) -> None:
    alice, alices, bob, bobs = two_users
    ask(kind, alice, alices, bob, "counted")
    with one_invocation() as wire:
        jobs.work_all()
    assert wire.calls[-1].operation == "TransactWriteItems"
    asked = {each["job_id"]: kind for each in jobs.notifications(alices)}
    for number in range(3):
        for fault in FAULTS:
            job_id = ask(kind, alice, alices, bob, f"neu-{number}-{fault.name}")
            (record,) = jobs.take()
            again = deliver_despite([record], at_call(number, fault))
            has_notification = any(each["job_id"] == job_id for each in jobs.notifications(alices))
            assert has_notification == (jobs.job(job_id, alices)["status"] != "pending")
            until_done(again)
            until_done([record])  # and once more for good measure
            asked[job_id] = kind
    assert_each_happened_once(asked, alices, bobs, alice, bob)


@pytest.mark.usefixtures("cheap_hashing")
@pytest.mark.no_cover  # tracing would double its time, and smaller tests cover the same
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kinds=st.lists(st.sampled_from([GOOD, BAD, NEW_USER]), min_size=1, max_size=6),
    deliveries=st.lists(
        st.tuples(st.integers(1, 6), st.integers(0, 12), st.sampled_from(FAULTS), st.randoms(use_true_random=False)),
        max_size=5,
    ),
)
def test_each_job_happens_once_however_it_is_delivered(
    kinds: list[str], deliveries: list[tuple[int, int, Fault, random.Random]]
) -> None:
    alice, alices = jobs.add_user("alice")
    bob, bobs = jobs.add_user("bob")
    asked = {ask(kind, alice, alices, bob, ids.new_id()): kind for kind in kinds}
    records = jobs.take()
    for size, number, fault, order in deliveries:
        batch = order.choices(records, k=size)
        deliver_despite(list({record["messageId"]: record for record in batch}.values()), at_call(number, fault))
    until_done(records)
    assert_each_happened_once(asked, alices, bobs, alice, bob)


def test_a_failing_job_does_not_fail_its_batch(two_users: tuple[str, str, str, str]) -> None:
    alice, alices, bob, _ = two_users
    for _ in range(3):
        jobs.send(alices, jobs.text_to(bob, alice))
    records = jobs.take()
    poison = [
        {"messageId": "no json", "body": "{"},
        {"messageId": "no job", "body": "[]"},
        {"messageId": "half a job", "body": '{"id": "x"}'},
        {"messageId": "no kind", "body": _changed(records[0], kind={"name": "dance", "title": "Dance", "code": 1})},
    ]
    assert jobs.deliver([*poison, *records]) == poison
    assert len(jobs.notifications(alices)) == 3


def _changed(record: jobs.Record, **fields: object) -> str:
    return json.dumps({**jobs.body_of(record), **fields})


def test_a_conflicting_transaction_is_retried_and_then_redelivered(
    two_users: tuple[str, str, str, str],
) -> None:
    alice, alices, bob, _ = two_users
    jobs.send(alices, jobs.text_to(bob, alice))
    records = jobs.take()

    def always(made: Call) -> Fault | None:
        return Fault.THROTTLED if made.operation == "TransactWriteItems" else None

    assert deliver_despite(records, always) == records
    assert jobs.notifications(alices) == []
    assert deliver_despite(records, at_call(1, Fault.THROTTLED)) == []
    assert len(jobs.notifications(alices)) == 1
    assert issubclass(JobNotFinished, RuntimeError)


# --- Users as jobs ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("cheap_hashing")
def test_a_user_is_created_as_a_job_and_a_second_one_finds_the_username_taken() -> None:
    _, alices = jobs.add_user("alice")
    new = {"username": "Neu", "password": "12345", "email": "neu@example.com", "full_name": "Neu Neumann"}
    first, second = (
        call("POST", "/users", body={**new, "username": name}, token=alices).json["job_id"] for name in ("Neu", "nEU")
    )
    assert jobs.job(first, alices) == {"job_id": first, "status": "pending"}
    records = jobs.take()
    assert all("12345" not in record["body"] for record in records), "a queue never holds a password"
    until_done(records)
    until_done(records)

    refused, created = jobs.notifications(alices)
    assert (created["job_id"], created["is_error"]) == (first, False)
    assert (created["code"], created["title"], created["message"]["username"]) == (10099, "User Creation", "Neu")
    assert (refused["job_id"], refused["is_error"]) == (second, True)
    assert refused["message"] == {"code": 400, "subcode": 4004, "error": "Username Already Taken"}
    assert jobs.job(second, alices)["status"] == "failed"

    token = call("POST", "/token", form={"username": "neu", "password": "12345"}).json["access_token"]
    me = call("GET", "/users/me", token=token).json
    assert {name: me[name] for name in ("username", "email", "full_name", "role", "disabled")} == {
        "username": "Neu",
        "email": "neu@example.com",
        "full_name": "Neu Neumann",
        "role": "user",
        "disabled": False,
    }
    assert me["id"] == created["message"]["id"]
    assert "password" not in json.dumps(jobs.notifications(alices))


@pytest.mark.usefixtures("cheap_hashing")
def test_many_jobs_for_one_username_create_one_user() -> None:
    _, alices = jobs.add_user("alice")
    for _ in range(8):
        call("POST", "/users", body={"username": "wanted", "password": "12345"}, token=alices)
    records = jobs.take()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda record: jobs.deliver([record]), [*records, *records]))
    told = jobs.notifications(alices)
    assert Counter(each["is_error"] for each in told) == {False: 1, True: 7}
    (claim,) = UsernameClaim.query(claim_key("wanted"))
    assert claim.user_id == next(each["job_id"] for each in told if not each["is_error"])


def test_a_sign_up_with_an_invalid_token_is_a_401(two_users: tuple[str, str, str, str]) -> None:
    new = {"username": "neu", "password": "12345"}
    for header, reason in (
        ("Bearer x", "Not enough segments"),
        ("Bearer ", "Not enough segments"),
        ("", "Missing Authorization Header"),
        ("Basic eA==", "Only bearer tokens are allowed"),
    ):
        answer = call("POST", "/users", body=new, headers={"Authorization": header})
        assert (answer.status, answer.json["msg"]) == (401, reason), header
    answer = call("POST", "/users", body={"username": "x", "password": "1"}, token=two_users[1])
    assert (answer.status, {problem["field"] for problem in answer.json["detail"]}) == (400, {"username", "password"})
    assert jobs.take() == []
    assert call("GET", "/users", token=two_users[1]).json["users"][-1]["username"] != "neu"


# --- The dead-letter queue -------------------------------------------------------------------------


def test_a_job_whose_worker_always_fails_is_marked_failed_and_may_be_done_later(
    two_users: tuple[str, str, str, str],
) -> None:
    alice, alices, bob, bobs = two_users
    job_id = jobs.send(alices, jobs.text_to(bob, alice))
    records = jobs.take()
    for number in range(2):
        for fault in FAULTS:
            with one_invocation(at_call(number, fault)), suppress(Killed):
                jobs.give_up_on(records)
    assert jobs.give_up_on(records) == []
    (told,) = jobs.notifications(alices)
    assert told["message"] == {"code": 500, "subcode": 5000, "error": "Unexpected Error"}
    assert (told["is_error"], told["code"], told["title"]) == (True, 10095, "New Message")
    assert jobs.job(job_id, alices) == {"job_id": job_id, "status": "failed", "notification": told}
    assert jobs.notifications(bobs) == []

    dead = jobs.take("JobsDeadLetterQueue")
    assert {record["body"] for record in dead} == {records[0]["body"]}
    until_done(dead)  # sent again, as make redrive does
    until_done(dead)
    assert jobs.give_up_on(records) == [], "too late: it is done"
    assert jobs.job(job_id, alices)["status"] == "done"
    assert [each["is_error"] for each in jobs.notifications(alices)] == [False, True]
    assert [each["id"] for each in jobs.messages(bobs, alice, bob)] == [job_id]


def test_a_finished_job_is_not_given_up(two_users: tuple[str, str, str, str]) -> None:
    alice, alices, bob, _ = two_users
    asked = [jobs.send(alices, jobs.text_to(bob, alice, text)) for text in ("hello", "")]
    records = jobs.take()
    until_done(records)
    before = [jobs.job(job_id, alices) for job_id in asked]
    assert jobs.give_up_on(records) == []
    assert [jobs.job(job_id, alices) for job_id in asked] == before
    assert len(jobs.notifications(alices)) == 2


def test_an_invalid_job_is_left_to_the_queues_redrive_policy() -> None:
    poison = [{"messageId": "1", "body": "{"}, {"messageId": "2", "body": "{}"}]
    assert jobs.give_up_on(poison) == poison
    assert jobs.take("JobsDeadLetterQueue") == []


def test_queues_redrive_jobs_and_wait_long_enough_for_their_workers() -> None:
    queues, functions = resources("AWS::SQS::Queue"), resources("AWS::Serverless::Function")
    mappings = resources("AWS::Lambda::EventSourceMapping")
    for queue, worker in (("JobsQueue", "WorkJobs"), ("FailedJobsQueue", "GiveUpJobs")):
        assert queues[queue]["VisibilityTimeout"] >= 6 * functions[f"{worker}Function"]["Timeout"]
        assert mappings[f"{worker}Mapping"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mappings[f"{worker}Mapping"]["EventSourceArn"] == {"Fn::GetAtt": f"{queue}.Arn"}
    chain = ["JobsQueue", "FailedJobsQueue", "JobsDeadLetterQueue"]
    for queue, target in pairwise(chain):
        assert queues[queue]["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": f"{target}.Arn"}


# --- Many at once ----------------------------------------------------------------------------------

CLIENTS, JOBS_EACH = 20, 100


@pytest.mark.no_cover  # tracing would double its time, and smaller tests cover the same
def test_two_thousand_jobs_delivered_twice_to_a_worker_that_is_killed_happen_once_each() -> None:
    people = [jobs.add_user(f"client-{number}") for number in range(CLIENTS)]
    chance = random.Random(7)
    asked: dict[tuple[str, str], bool] = {}
    records: list[jobs.Record] = []
    # A function instance handles one request at a time, so the clients take turns in random order.
    turns = [number for number in range(CLIENTS) for _ in range(JOBS_EACH)]
    chance.shuffle(turns)
    for each, number in enumerate(turns):
        user_id, token = people[number]
        recipient = people[(number + 1) % CLIENTS][0]
        is_bad = each % 10 == 9
        job_id = jobs.send(token, jobs.text_to(recipient, user_id, "" if is_bad else str(each)))
        asked[user_id, job_id] = is_bad
        if each % 10 == 9:  # moto's queues are slow when they are long
            records += jobs.take()
    assert len(records) == CLIENTS * JOBS_EACH

    unfinished = [*records, *records]

    def roll(_call: Call) -> Fault | None:
        return chance.choices([None, *FAULTS], weights=[94, 2, 2, 1, 1])[0]

    rounds = 0
    while unfinished:
        rounds += 1
        assert rounds < 20
        chance.shuffle(unfinished)
        unfinished = [record for batch in jobs.batches(unfinished) for record in deliver_despite(batch, roll)]

    assert Counter(record.state for record in JobRecord.scan()) == {"done": 1800, "failed": 200}
    told = Counter((each.recipient, each.job_id) for each in jobs.stored_notifications())
    assert set(told.values()) == {1}
    assert asked.keys() <= told.keys()
    assert len(told) == 2000 + 1800
    delivered = [job_id for (_, job_id), is_bad in asked.items() if not is_bad]
    assert sorted(message.id for message in MessageRecord.scan()) == sorted(delivered)
