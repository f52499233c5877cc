"""Accounts: sign up, log in, refresh, and who may do what."""

import pytest

from tests.unit.calling import call

ALICE = {"username": "Alice", "password": "wonderland"}


def test_a_user_signs_up_and_is_told_who_it_is_without_its_password() -> None:
    answer = call("POST", "/users", body={**ALICE, "email": "alice@example.com", "full_name": "Alice Liddell"})
    assert answer.status == 201
    assert set(answer.json) == {"id", "username", "email", "full_name", "disabled", "timestamp"}
    assert answer.json["username"] == "Alice"
    assert "wonderland" not in answer.text

    token = call("POST", "/token", form=ALICE).json["access_token"]
    me = call("GET", "/users/me", token=token)
    assert me.status == 200
    assert me.json == {**answer.json, "role": "user"}


@pytest.mark.parametrize("other", ["Alice", "alice", "ALICE"])
def test_a_username_is_taken_whatever_its_letter_case(other: str) -> None:
    assert call("POST", "/users", body=ALICE).status == 201
    for path in ("/users", "/auth/signup"):
        answer = call("POST", path, body={"username": other, "password": "12345"})
        assert (answer.status, answer.json["code"], answer.json["subcode"]) == (409, 409, 4004)
