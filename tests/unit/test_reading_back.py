"""Whatever is accepted can be read back, unchanged. (Names of sensors: `test_occupancy`.)"""

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sitewatch.callers import Role
from sitewatch.names import normalize
from tests.world import instance, jobs
from tests.world.calling import access_token, admin_token, call
from tests.world.faults import one_invocation
from tests.world.pipeline import Pipeline, Record, on_stream

RUNS = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = st.text(min_size=1, max_size=12)
URLS = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "HTTPS", "hTtp", "ftp", "javascript"]),
    st.sampled_from(["example.com", "[::1]", "EXAMPLE.com:8080", "例え.jp", "a@b", "x:0", "x:99999", ""]),
    st.text(max_size=6).map(lambda path: f"/{path}"),
)
NUMBERS = st.one_of(st.integers(-1, 2**31), st.floats(allow_nan=False, allow_infinity=False), st.none())
CONTENTS = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}),
    st.fixed_dictionaries({"type": st.just("image"), "url": URLS, "width": NUMBERS, "height": st.just(1)}),
    st.fixed_dictionaries(
        {"type": st.just("video"), "url": URLS, "source": st.sampled_from(["vimeo", "youtube", "x"])}
    ),
)


@RUNS
@given(CONTENTS)
def test_a_message(content: dict[str, Any]) -> None:
    alice, token = jobs.add_user()
    job_id = jobs.send(token, {"sender_id": alice, "recipient_id": alice, "content": content})
    jobs.work_all()
    (notification,) = jobs.notifications(token)
    assert jobs.job(job_id, token)["notification"] == notification
    found = [message["content"] for message in jobs.messages(token, alice, alice)]
    assert found == ([] if notification["is_error"] else [content])


@RUNS
@given(TEXTS, TEXTS)
def test_an_event(event_type: str, event_payload: str) -> None:
    event = {"event_type": event_type, "event_payload": event_payload}
    answer = call("POST", "/api/event", body=event, token=access_token())
    if answer.status == 400:
        return
    found = call("GET", "/api/event/{event_id}", path={"event_id": answer.json["id"]}, token=access_token()).json
    assert {name: found[name] for name in event} == event
    of_type = call("GET", "/api/event", query={"event_type": event_type}, token=access_token())
    assert found in of_type.json["events"]


NAMES = st.from_regex(r"[A-Za-z0-9._-]{3,12}", fullmatch=True)


@RUNS
@given(NAMES, st.none() | st.emails() | TEXTS, st.none() | TEXTS)
def test_a_user(username: str, email: str | None, full_name: str | None) -> None:
    new = {"username": username, "password": "wonderland", "email": email, "full_name": full_name}
    with instance.cheap_hashing():
        answer = call("POST", "/users", body=new)
        if answer.status in (400, 409):
            return
        logged_in = call("POST", "/login", body={"username": username, "password": "wonderland"})
    me = call("GET", "/users/me", token=logged_in.json["token"]).json
    assert {name: me[name] for name in ("username", "email", "full_name")} == {
        "username": username,
        "email": email,
        "full_name": full_name,
    }
    listed = call("GET", "/users", query={"limit": 1000}, token=access_token()).json["users"]
    assert me["id"] in [user["id"] for user in listed]


@RUNS
@given(TEXTS, TEXTS, TEXTS, st.integers(1886, 2200))
@example("Kia", "Rio", "\U0002f800", 2020)  # another character in its composed form
def test_a_detection(make: str, model: str, category: str, year: int) -> None:
    already = len(on_stream())
    report = {"year": year, "make": make, "model": model, "category": category}
    answer = call("POST", "/detections", body=report, token=admin_token())
    if answer.status == 400:
        return
    with one_invocation() as wire:
        pipeline = Pipeline(wire)
        pipeline.index([Record.of(already, put) for put in on_stream()[already:]])
        pipeline.carry_on()
    report |= {name: normalize(str(report[name])) for name in ("make", "model", "category")}  # names are in NFC
    for query in ({"make": make}, {"category": category}):
        found = call("GET", "/detections", query=query, token=access_token(Role.USER)).json
        assert report in [{name: each[name] for name in report} for each in found]
