"""Messages: delivery, validation errors, who can read them, and the cost of a page."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from messages.model import MessageRecord, direction
from sitewatch import ids
from sitewatch.callers import Role
from sitewatch.jobs import NotificationRecord
from tests.world import jobs
from tests.world.calling import access_token, admin_token, call
from tests.world.faults import one_invocation

TEXT = {"type": "text", "text": "hello"}
IMAGE = {"type": "image", "url": "https://example.com/a.png", "width": 640, "height": 480}
VIDEO = {"type": "video", "url": "http://example.com/v?id=1", "source": "youtube"}

ABSENT = object()
"""Marks a missing field."""

GARBAGE = {"a": [{"b": [None, {"c": ["text", 1.5, True]}]}]}


# --- Delivery --------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [TEXT, IMAGE, VIDEO, {**VIDEO, "source": "vimeo"}], ids=lambda each: each["type"])
def test_a_message_is_pending_then_delivered_and_both_sides_are_notified(content: dict[str, Any]) -> None:
    alice, alices = jobs.add_user("alice")
    bob, bobs = jobs.add_user("bob")

    job_id = jobs.send(alices, {"sender_id": alice, "recipient_id": bob, "content": content})
    assert jobs.job(job_id, alices) == {"job_id": job_id, "status": "pending"}

    jobs.work_all()
    (message,) = jobs.messages(bobs, alice, bob)
    assert set(message) == {"id", "sender", "recipient", "timestamp", "content"}
    assert (message["sender"], message["recipient"], message["content"]) == (alice, bob, content)
    assert message["timestamp"].endswith("Z")

    (found,) = jobs.notifications(alices)
    assert set(found) == {"id", "job_id", "message", "is_error", "code", "title", "timestamp"}
    assert (found["job_id"], found["is_error"], found["code"], found["title"]) == (job_id, False, 10095, "New Message")
    assert found["message"] == message
    assert jobs.job(job_id, alices) == {"job_id": job_id, "status": "done", "notification": found}

    (received,) = jobs.notifications(bobs)
    assert (received["is_error"], received["code"], received["title"]) == (False, 10096, "Message Received")
    assert received["message"] == message


def test_a_message_to_oneself_causes_one_notification() -> None:
    alice, alices = jobs.add_user()
    jobs.send(alices, jobs.text_to(alice, alice))
    jobs.work_all()
    assert len(jobs.messages(alices, alice, alice)) == 1
    assert [found["code"] for found in jobs.notifications(alices)] == [10095]


@pytest.mark.parametrize("url", ["HTTPS://example.com/", "hTTp://example.com/A?b#c", "https://例え.jp/ü"])
def test_every_url_that_is_accepted_can_be_read(url: str) -> None:
    alice, alices = jobs.add_user()
    jobs.send(alices, {"sender_id": alice, "recipient_id": alice, "content": {**IMAGE, "url": url}})
    jobs.work_all()
    assert [message["content"]["url"] for message in jobs.messages(alices, alice, alice)] == [url]


def test_one_item_that_breaks_todays_rules_does_not_fail_the_page() -> None:
    alice, alices = jobs.add_user()
    older = {"type": "image", "url": "gopher://example.com/", "width": 0, "height": 0}
    MessageRecord(direction(alice, alice), ids.new_id(), sender=alice, recipient=alice, content=older).save()
    assert [message["content"] for message in jobs.messages(alices, alice, alice)] == [older]


def test_any_unicode_text_survives_unchanged() -> None:
    texts = [
        "😀" * 4096,
        "x",
        " x ",
        "שלום עולם، مرحبا بالعالم \u202e\u200f",
        "nul \x00, escape \x1b, delete \x7f, line \u2028 separators \u2029",
        "e\u0301 and \u00e9 are not made the same",
        "\ufeff\ufffe\uffff",
    ]
    # Of every plane, the first and last code points and some between, except surrogates.
    texts += [
        "".join(chr(plane * 0x10000 + offset) for offset in (0x1, 0xABCD, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF))
        for plane in range(17)
    ]
    alice, alices = jobs.add_user()
    bob, bobs = jobs.add_user()
    sent = {jobs.send(alices, jobs.text_to(bob, alice, text)): text for text in texts}
    jobs.work_all()
    # By id, because messages of one millisecond have no order.
    assert {message["id"]: message["content"]["text"] for message in jobs.messages(bobs, alice, bob)} == sent


def test_fields_beyond_the_contents_type_are_dropped() -> None:
    alice, alices = jobs.add_user()
    job_id = jobs.send(alices, {"sender_id": alice, "recipient_id": alice, "content": {**TEXT, "extra": GARBAGE}})
    jobs.work_all()
    assert jobs.job(job_id, alices)["status"] == "done"
    assert jobs.messages(alices, alice, alice)[0]["content"] == TEXT


# --- Validation errors -----------------------------------------------------------------------------

NO_STRING = [ABSENT, None, True, 0, 1.5, "", [], ["x"], {}, GARBAGE]
NO_ID = [*NO_STRING, "x", "0" * 27, "x" * 5000, "01hx3v0qk1vd5gs0m4t5e8q6zz", "8" + "0" * 25, "0" * 26 + "\n"]
NO_OBJECT: list[Any] = [None, True, 0, 1.5, "", "x", [], ["x"], [{"type": "text", "text": "x"}], {}]
NO_URL = [
    *NO_STRING,
    "x",
    "example.com/a.png",
    "//example.com/a.png",
    "ftp://example.com/a.png",
    "javascript:alert(1)",
    "https://",
    "https:///a.png",
    "http://:80/",
    "https://[::1/a.png",
    "https://example.com:99999/",
    "https://example.com/a b",
    "https://example.com/\n",
    "https://example.com/" + "x" * 2048,
]
NO_PIXELS = [ABSENT, None, True, False, 0, -1, 640.0, 1.5, "640", "", [], [640], {}, GARBAGE, 2**31, 10**400]


def changed(content: Mapping[str, Any], name: str, value: object) -> dict[str, Any]:
    kept = {key: old for key, old in content.items() if key != name}
    return kept if value is ABSENT else {**kept, name: value}


# The contract's checks: valid content, the field to change, the error, and bad values for the field.
CHECKS: dict[str, tuple[Mapping[str, Any], str, tuple[int, str], list[Any]]] = {
    "recipient_id": (TEXT, "recipient_id", (4006, "Invalid Receiver ID"), NO_ID),
    "sender_id": (TEXT, "sender_id", (4005, "Invalid Sender ID"), NO_ID),
    "content": (TEXT, "content", (4007, "Invalid Message Content"), [ABSENT, *NO_OBJECT, "x" * 5000]),
    "type": (TEXT, "content.type", (4009, "Invalid Type"), [*NO_STRING, "audio", "Text", "x" * 5000]),
    "image url": (IMAGE, "content.url", (4011, "Invalid URL"), NO_URL),
    "image width": (IMAGE, "content.width", (4012, "Invalid Width"), NO_PIXELS),
    "image height": (IMAGE, "content.height", (4013, "Invalid Height"), NO_PIXELS),
    "video url": (VIDEO, "content.url", (4011, "Invalid URL"), NO_URL),
    "video source": (
        VIDEO,
        "content.source",
        (4014, "Invalid Source"),
        [*NO_STRING, "dailymotion", "YouTube", "x" * 5000],
    ),
    "text": (TEXT, "content.text", (4010, "Invalid Text"), [*NO_STRING, " ", "\t\n\u2003", "x" * 4097, "😀" * 4097]),
}


def outcome_of(token: str, body: object) -> Mapping[str, Any]:
    """Send ``body`` and return the resulting notification."""
    job_id = jobs.send(token, body)
    jobs.work_all()
    finished = jobs.job(job_id, token)
    assert finished["status"] == ("failed" if finished["notification"]["is_error"] else "done")
    return dict(finished["notification"])


def failure(status: int, subcode: int, error: str) -> dict[str, Any]:
    return {"code": status, "subcode": subcode, "error": error}


@pytest.mark.parametrize(("content", "field", "error", "values"), CHECKS.values(), ids=CHECKS)
def test_each_bad_value_gets_its_own_error_code(
    content: Mapping[str, Any], field: str, error: tuple[int, str], values: Sequence[Any]
) -> None:
    alice, alices = jobs.add_user()
    good = {"sender_id": alice, "recipient_id": alice, "content": content}
    outer, _, inner = field.partition(".")
    asked = {}
    for value in values:
        body = changed(good, outer, changed(content, inner, value) if inner else value)
        asked[jobs.send(alices, body)] = value
    jobs.work_all()
    found = {each["job_id"]: each for each in jobs.notifications(alices)}
    assert found.keys() == asked.keys()
    for job_id, value in asked.items():
        assert found[job_id]["message"] == failure(400, *error), f"{value!r:.60}"
        assert (found[job_id]["is_error"], found[job_id]["code"], found[job_id]["title"]) == (
            True,
            10095,
            "New Message",
        )
        assert jobs.job(job_id, alices)["status"] == "failed"
    assert jobs.messages(alices, alice, alice) == []


def test_the_worker_rejects_json_that_is_not_an_object() -> None:
    _, alices = jobs.add_user()
    for body in ("true", "0", "1.5", '"x"', '""', "[]", '["x"]', '[{"type": "text", "text": "x"}]', "{}", "1e999"):
        assert outcome_of(alices, body)["message"] == failure(400, 4018, "Invalid JSON Query"), body


def test_invalid_json_is_rejected_at_once() -> None:
    _, alices = jobs.add_user()
    for body in (
        "",
        "null",
        "{",
        "[1,",
        "{'a': 1}",
        "\x00",
        '{"a": NaN}',
        '"\\ud800"',
        "[" * 5000,
        b"\xff",
        "9" * 5000,
    ):
        answer = call("POST", "/messages", body=body, token=alices)
        assert (answer.status, answer.json["subcode"]) == (400, 4018), body
    assert jobs.take() == []


def test_a_body_that_is_too_large_is_rejected_at_once() -> None:
    alice, alices = jobs.add_user()
    answer = call("POST", "/messages", body=jobs.text_to(alice, alice, "x" * 70_000), token=alices)
    assert (answer.status, answer.json["subcode"]) == (400, 4018)


def test_the_first_failed_check_in_the_contracts_order_is_reported() -> None:
    alice, alices = jobs.add_user()
    stranger = ids.new_id()
    wrong: dict[str, Any] = {"recipient_id": "?", "sender_id": "?", "content": "?"}
    steps: list[tuple[dict[str, Any], int]] = [
        ({}, 4006),
        ({"recipient_id": stranger}, 4005),
        ({"sender_id": stranger}, 4007),
        ({"content": {"type": "?", "url": 0, "width": 0, "height": 0, "source": 0, "text": 0}}, 4009),
    ]
    for kind, rest in (
        ("image", [("url", IMAGE["url"], 4012), ("width", 1, 4013)]),
        ("video", [("url", VIDEO["url"], 4014)]),
        ("text", []),
    ):
        body = dict(wrong)
        for change, subcode in steps:
            body |= change
            assert outcome_of(alices, body)["message"]["subcode"] == subcode
        content = {**body["content"], "type": kind}
        assert outcome_of(alices, {**body, "content": content})["message"] == failure(404, 4041, "User Not Found")
        body |= {"recipient_id": alice}
        assert outcome_of(alices, {**body, "content": content})["message"] == failure(404, 4041, "User Not Found")
        body |= {"sender_id": alice}
        first = {"image": 4011, "video": 4011, "text": 4010}[kind]
        assert outcome_of(alices, {**body, "content": content})["message"]["subcode"] == first
        for name, value, subcode in rest:
            content = {**content, name: value}
            assert outcome_of(alices, {**body, "content": content})["message"]["subcode"] == subcode


def test_only_the_sender_or_an_admin_may_send_as_a_user() -> None:
    alice, alices = jobs.add_user()
    bob, bobs = jobs.add_user()
    found = outcome_of(bobs, jobs.text_to(bob, alice))
    assert found["message"] == failure(403, 4133, "Forbidden")
    assert jobs.messages(alices, alice, bob) == []

    assert outcome_of(admin_token(), jobs.text_to(bob, alice))["is_error"] is False
    assert len(jobs.messages(alices, alice, bob)) == 1
    assert [found["code"] for found in jobs.notifications(bobs)] == [10096, 10095]


def test_sending_needs_a_users_token() -> None:
    assert call("POST", "/messages", body={}, token=access_token(Role.MACHINE)).status == 403
    answer = call("POST", "/messages", body={})
    assert (answer.status, answer.json["msg"]) == (401, "Missing Authorization Header")


@pytest.mark.parametrize(("character", "count"), [("\u00e9", 32_500), ("💥", 16_250), ("\x7f", 43_000)])
def test_a_job_may_be_larger_than_its_request(character: str, count: int) -> None:
    """A job is ASCII JSON, in which a character takes up to six bytes."""
    alice, alices = jobs.add_user()
    body = json.dumps(jobs.text_to(alice, alice, character * count), ensure_ascii=False)
    assert call("POST", "/messages", body=body, token=alices).status == 202
    (record,) = jobs.take()
    assert len(body.encode()) < len(record["body"]) <= 256 * 1024
    assert record["body"].isascii()


def test_a_job_that_is_larger_than_an_sqs_message_is_a_400() -> None:
    alice, alices = jobs.add_user()
    body = json.dumps(jobs.text_to(alice, alice, "\x7f" * 44_000), ensure_ascii=False)
    answer = call("POST", "/messages", body=body, token=alices)
    assert (answer.status, answer.json["subcode"]) == (400, 4018)
    assert "262144 bytes" in answer.json["detail"][0]["message"]
    assert jobs.take() == []


# --- Who can read what -----------------------------------------------------------------------------


def test_the_list_holds_one_direction_newest_first() -> None:
    alice, alices = jobs.add_user()
    bob, bobs = jobs.add_user()
    carol, _ = jobs.add_user()
    for number in range(5):
        jobs.send(alices, jobs.text_to(bob, alice, f"to bob {number}"))
    jobs.send(bobs, jobs.text_to(alice, bob, "to alice"))
    jobs.send(alices, jobs.text_to(carol, alice, "to carol"))
    for record in reversed(jobs.take()):  # messages sort by posting, not by delivery
        jobs.deliver([record])
    for token in (alices, bobs):
        texts = [message["content"]["text"] for message in jobs.messages(token, alice, bob)]
        assert texts == [f"to bob {number}" for number in reversed(range(5))]
        assert [message["content"]["text"] for message in jobs.messages(token, bob, alice)] == ["to alice"]


def test_other_users_conversations_are_the_same_404_as_those_of_unknown_users() -> None:
    alice, alices = jobs.add_user()
    bob, _ = jobs.add_user()
    _, carols = jobs.add_user()
    jobs.send(alices, jobs.text_to(bob, alice))
    jobs.work_all()
    nobody, nobody_else = ids.new_id(), ids.new_id()

    def answer(token: str, sender: str, recipient: str) -> tuple[int, str]:
        got = call("GET", "/messages", query={"sender_id": sender, "recipient_id": recipient}, token=token)
        return got.status, got.text

    anothers = answer(carols, alice, bob)
    assert anothers[0] == 404
    assert answer(carols, nobody, nobody_else) == anothers
    assert answer(carols, alice, nobody) == anothers
    assert answer(alices, alice, nobody) == anothers
    assert answer(admin_token(), nobody, nobody_else) == anothers
    assert answer(admin_token(), alice, bob)[0] == 200
    assert answer(admin_token(), bob, alice) == (200, '{"messages":[]}')


def test_another_callers_job_is_the_same_404_as_an_unknown_one() -> None:
    alice, alices = jobs.add_user()
    _, bobs = jobs.add_user()
    job_id = jobs.send(alices, jobs.text_to(alice, alice))

    def answer(token: str, asked: str) -> tuple[int, str]:
        got = call("GET", "/jobs/{job_id}", path={"job_id": asked}, token=token)
        return got.status, got.text

    for _ in ("pending", "done"):
        anothers = answer(bobs, job_id)
        assert anothers[0] == 404
        assert answer(admin_token(), job_id) == anothers
        assert answer(alices, ids.new_id()) == anothers
        assert answer(alices, "x") == anothers
        assert answer(alices, job_id)[0] == 200
        jobs.work_all()


def test_nobody_can_read_another_users_notifications() -> None:
    alice, alices = jobs.add_user()
    _, bobs = jobs.add_user()
    jobs.send(alices, jobs.text_to(alice, alice))
    jobs.work_all()
    (found,) = jobs.notifications(alices)
    assert jobs.notifications(bobs) == []
    assert jobs.notifications(admin_token()) == []
    above = "7" + "Z" * 25
    for token in (bobs, admin_token()):
        answer = call("GET", "/notifications", query={"start": above}, token=token)
        assert answer.json == {"notifications": []}
        assert call("GET", "/notifications", query={"recipient": alice}, token=token).status == 400
    assert call("GET", "/notifications", query={"start": found["id"]}, token=alices).json == {"notifications": []}


@pytest.mark.parametrize(
    ("path", "query", "subcode"),
    [
        ("/messages", {"recipient_id": "0" * 26}, 4005),
        ("/messages", {"sender_id": "x", "recipient_id": "0" * 26}, 4005),
        ("/messages", {"sender_id": "0" * 26}, 4006),
        ("/messages", {"sender_id": "0" * 26, "recipient_id": "x" * 5000}, 4006),
        ("/messages", {"sender_id": "0" * 26, "recipient_id": "0" * 26, "start": "x"}, 4016),
        ("/messages", {"sender_id": "0" * 26, "recipient_id": "0" * 26, "limit": "0"}, 4015),
        ("/notifications", {"start": "x"}, 4016),
        ("/notifications", {"limit": "1001"}, 4015),
        ("/notifications", {"limit": "two"}, 4015),
    ],
)
def test_a_bad_parameter_is_a_400_that_names_the_field(path: str, query: Mapping[str, object], subcode: int) -> None:
    for arguments in ({"query": query}, {"body": query}):
        answer = call("GET", path, token=admin_token(), query=arguments.get("query"), body=arguments.get("body"))
        assert (answer.status, answer.json["subcode"]) == (400, subcode)


def test_parameters_may_come_in_the_body_and_the_query_string_wins() -> None:
    alice, alices = jobs.add_user()
    for number in range(3):
        jobs.send(alices, jobs.text_to(alice, alice, f"{number}"))
    jobs.work_all()
    body = {"sender_id": alice, "recipient_id": alice, "limit": 2}
    answer = call("GET", "/messages", body=body, token=alices)
    assert [message["content"]["text"] for message in answer.json["messages"]] == ["2", "1"]
    last = answer.json["messages"][-1]["id"]
    answer = call("GET", "/messages", body={**body, "start": last}, token=alices)
    assert [message["content"]["text"] for message in answer.json["messages"]] == ["0"]
    answer = call("GET", "/messages", body=body, query={"limit": 1}, token=alices)
    assert len(answer.json["messages"]) == 1
    assert len(call("GET", "/notifications", body={"limit": 2}, token=alices).json["notifications"]) == 2
    for path in ("/messages", "/notifications", "/users"):
        for undecodable in ("{", "[]", "x", '"x"'):
            answer = call("GET", path, body=undecodable, token=alices)
            assert (answer.status, answer.json["subcode"]) == (400, 4018)


# --- The cost of a page ----------------------------------------------------------------------------


def pages(path: str, query: Mapping[str, object], token: str) -> list[tuple[list[str], list[tuple[str, int]]]]:
    """Follow a list's links. Return each page's ids, and its calls with the number of items each read."""
    seen = []
    asked: Mapping[str, object] | None = query
    while asked:
        with one_invocation() as wire:
            answer = call("GET", path, query=asked, token=token)
        assert answer.status == 200, answer.text
        ((_, items),) = answer.json.items()
        reads = [(made.operation, made.response.get("ScannedCount", 0)) for made in wire.calls]
        seen.append(([item["id"] for item in items], reads))
        asked = answer.next_query
    return seen


def test_every_page_of_a_conversation_costs_one_query_of_its_size() -> None:
    alice, bob = ids.new_id(), ids.new_id()
    stored = [ids.new_id() for _ in range(300)]
    with MessageRecord.batch_write() as batch:
        for message_id in stored:
            batch.save(
                MessageRecord(direction(alice, bob), message_id, sender=alice, recipient=bob, content=dict(TEXT))
            )
    read = pages("/messages", {"sender_id": alice, "recipient_id": bob, "limit": 40}, access_token(subject=alice))
    assert [message_id for page, _ in read for message_id in page] == sorted(stored, reverse=True)
    assert [reads for _, reads in read] == [[("Query", 41)]] * 7 + [[("Query", 20)]]


def test_every_page_of_notifications_costs_one_query_of_its_size() -> None:
    alice = ids.new_id()
    stored = [ids.new_id() for _ in range(300)]
    with NotificationRecord.batch_write() as batch:
        for notification_id in stored:
            batch.save(
                NotificationRecord(
                    alice, notification_id, job_id=notification_id, message={}, is_error=False, code=10096, title="x"
                )
            )
    read = pages("/notifications", {"limit": 100}, access_token(subject=alice))
    assert [notification_id for page, _ in read for notification_id in page] == sorted(stored, reverse=True)
    # Each page reads one more item to see whether there is a next page; the last page ends exactly at the end.
    assert [reads for _, reads in read] == [[("Query", 101)]] * 2 + [[("Query", 100)]]


def test_a_page_of_the_longest_messages_fits_into_a_response() -> None:
    """A thousand texts of 4,096 emoji are 16 MB; Lambda allows 6 MB, so the page is cut short and has a next one."""
    alice = ids.new_id()
    longest = {"type": "text", "text": "😀" * 4096}
    with MessageRecord.batch_write() as batch:
        for _ in range(150):
            batch.save(
                MessageRecord(direction(alice, alice), ids.new_id(), sender=alice, recipient=alice, content=longest)
            )
    answer = call(
        "GET",
        "/messages",
        query={"sender_id": alice, "recipient_id": alice, "limit": 1000},
        token=access_token(subject=alice),
    )
    assert len(answer.text.encode()) < 6 * 1024 * 1024
    read = pages("/messages", {"sender_id": alice, "recipient_id": alice, "limit": 1000}, access_token(subject=alice))
    assert sum(len(page) for page, _ in read) == 150
    assert len(read) > 1
    assert all(len(reads) == 1 for _, reads in read)
