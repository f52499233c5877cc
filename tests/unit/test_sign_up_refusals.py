"""Bad sign-ups: a 400 that names the field, without calling any service."""

from typing import Any

import pytest
from botocore.client import BaseClient

from tests.world.calling import Answer, call
from tests.world.people import ALICE

BOTH = pytest.mark.parametrize("path", ["/users", "/auth/signup"])


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if any service is called."""

    def refuse(_: BaseClient, operation: str, *__: object) -> None:
        pytest.fail(f"{operation} was called")

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)


def _bad(answer: Answer) -> tuple[int, int, int, list[str]]:
    """Return the status, code, subcode and names of the bad fields."""
    return (
        answer.status,
        answer.json["code"],
        answer.json["subcode"],
        [problem["field"] for problem in answer.json["detail"]],
    )


MISSING = object()
BAD_NAMES = {
    "missing": MISSING,
    "null": None,
    "a number": 12345,
    "a boolean": True,
    "a list": ["bob"],
    "an object": {"name": "bob"},
    "empty": "",
    "too short": "bo",
    "too long": "b" * 65,
    "far too long": "b" * 50_000,
    "with a blank": "bob dylan",
    "with blanks around": " bob ",
    "with a line end": "bobby\n",
    "with a control character": "bob\x00by",
    "with other letters": "bøb",
    "with a look-alike": "аlice",  # noqa: RUF001 - that is the point
    "with a full-width letter": "ｂｏｂ",  # noqa: RUF001
    "with a slash": "bob/../alice",
    "a huge number": int("9" * 400),
}
BAD_PASSWORDS = {
    "missing": MISSING,
    "null": None,
    "a number": 12345,
    "a boolean": False,
    "a list": ["12345"],
    "an object": {},
    "empty": "",
    "too short": "123",
    "too long": "1" * 129,
}
BAD_EMAILS = {
    "empty": "",
    "a number": 1,
    "a list": [],
    "no at": "alice.example.com",
    "two ats": "alice@home@example.com",
    "no dot": "alice@example",
    "a blank": "alice liddell@example.com",
    "a line end": "alice@example.com\n",
    "a control character": "alice\x00@example.com",
    "a header": "alice@example.com\r\nBcc: x@example.com",
    "too long": "a" * 250 + "@example.com",
}
BAD_FULL_NAMES = {"empty": "", "a number": 1, "a list": [], "a control character": "Alice\x07", "too long": "A" * 129}


def _cases(field: str, subcode: int, values: dict[str, object]) -> list[Any]:
    return [pytest.param(field, subcode, value, id=f"{field} {case}") for case, value in values.items()]


REQUIRED = _cases("username", 4002, BAD_NAMES) + _cases("password", 4001, BAD_PASSWORDS)
OPTIONAL = _cases("email", 4018, BAD_EMAILS) + _cases("full_name", 4018, BAD_FULL_NAMES)


@BOTH
@pytest.mark.parametrize(("field", "subcode", "value"), REQUIRED)
def test_a_bad_required_field_is_reported_and_nothing_is_stored(
    path: str, field: str, subcode: int, value: object
) -> None:
    body: dict[str, object] = {**ALICE, field: value}
    if value is MISSING:
        del body[field]

    assert _bad(call("POST", path, body=body)) == (400, 400, subcode, [field])


@pytest.mark.parametrize(("field", "subcode", "value"), OPTIONAL)
def test_a_bad_optional_field_is_reported_and_nothing_is_stored(field: str, subcode: int, value: object) -> None:
    assert _bad(call("POST", "/users", body={**ALICE, field: value})) == (400, 400, subcode, [field])


@BOTH
def test_every_bad_field_is_reported(path: str) -> None:
    answer = call("POST", path, body={"username": "b", "password": "1"})
    assert _bad(answer) == (400, 400, 4002, ["username", "password"])


@BOTH
@pytest.mark.parametrize("password", ["password1234", "QwertyUiop123"])
def test_production_refuses_common_passwords(monkeypatch: pytest.MonkeyPatch, path: str, password: str) -> None:
    monkeypatch.setenv("COMMON_PASSWORDS", "refused")
    answer = call("POST", path, body={**ALICE, "password": password})
    assert _bad(answer) == (400, 400, 4001, ["password"])
    assert password not in answer.text


BAD_BODIES = {
    "none": None,
    "empty": "",
    "a list": "[]",
    "text": '"Alice"',
    "a number": "1",
    "null": "null",
    "cut off": '{"username": "Alice", "password": "wonder',
    "a form": "username=Alice&password=wonderland",
    "half a character": '{"username": "Alice\\ud800", "password": "wonderland"}',
    "half a character in the password": '{"username": "Alice", "password": "\\ud800\\ud800\\ud800\\ud800"}',
    "NaN": '{"username": NaN, "password": "wonderland"}',
    "a great depth": "[" * 100_000,
    "a great depth within the limit": '{"username":' + "[" * 60_000,
    "a number without end": '{"username": ' + "9" * 60_000 + ', "password": "wonderland"}',
    "no UTF-8": b'{"username": "Al\xffice", "password": "wonderland"}',
}


@BOTH
@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_body_that_is_not_an_object_is_reported_and_nothing_is_stored(path: str, case: str) -> None:
    answer = call("POST", path, body=BAD_BODIES[case])
    assert _bad(answer) == (400, 400, 4018, ["body"])
