"""GET /users: oldest first, page by page."""

import json
from typing import Any

import pytest
from pynamodb.connection import Connection

from tests.world.calling import Answer, access_token, call
from tests.world.people import sign_up

pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def signed_up() -> list[str]:
    """Return the names of five users in order of sign-up."""
    names = ["zoe", "Alice", "mallory", "Bob", "carol"]
    made = [sign_up(name) for name in names]
    # Ids created within the same millisecond have no defined order.
    return [user["username"] for user in sorted(made, key=lambda user: str(user["id"]))]


def _list(**request: Any) -> Answer:
    answer = call("GET", "/users", token=access_token(), **request)
    assert answer.status == 200
    return answer


def _names(answer: Answer) -> list[str]:
    return [user["username"] for user in answer.json["users"]]


def test_all_users_are_listed_oldest_first(signed_up: list[str]) -> None:
    answer = _list()
    assert _names(answer) == signed_up
    assert "link" not in answer.headers
    for user in answer.json["users"]:
        assert set(user) == {"id", "timestamp", "username"}
        assert user["timestamp"].endswith("Z")


def test_without_users_the_list_is_empty() -> None:
    assert _list().json == {"users": []}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_following_the_links_lists_every_user_once(signed_up: list[str], limit: int) -> None:
    query: dict[str, str] | None = {"limit": str(limit)}
    names = []
    while query:
        answer = _list(query=query)
        assert 1 <= len(_names(answer)) <= limit
        names += _names(answer)
        query = answer.next_query
    assert names == signed_up


def test_the_link_is_an_rfc_8288_next_link_relative_to_the_request(signed_up: list[str]) -> None:
    answer = _list(query={"limit": 2})
    last = answer.json["users"][-1]["id"]
    assert answer.headers["link"] == f'<?start={last}&limit=2>; rel="next"'


def test_start_is_exclusive_and_need_not_exist(signed_up: list[str]) -> None:
    users = _list().json["users"]
    assert _names(_list(query={"start": users[1]["id"]})) == signed_up[2:]
    assert _names(_list(query={"start": users[-1]["id"]})) == []
    assert _names(_list(query={"start": "0" * 26})) == signed_up


def test_a_page_reads_only_one_item_more_than_it_returns(signed_up: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    query = Connection.query

    def watched(connection: Connection, table: str, *arguments: Any, **more: Any) -> Any:
        if table == "UsersTable":
            asked.append(more)
        return query(connection, table, *arguments, **more)

    monkeypatch.setattr(Connection, "query", watched)
    _list(query={"limit": 2})
    assert [more["limit"] for more in asked] == [3]


# --- parameters in the body (older clients) -------------------------------------------------------


def test_parameters_may_come_as_a_json_body(signed_up: list[str]) -> None:
    first = _list(body={"limit": 2})
    assert _names(first) == signed_up[:2]
    rest = _list(body={"start": first.json["users"][-1]["id"], "limit": "2"})
    assert _names(rest) == signed_up[2:4]


def test_the_query_string_wins_over_the_body(signed_up: list[str]) -> None:
    assert _names(_list(query={"limit": 1}, body={"limit": 3})) == signed_up[:1]
    users = _list().json["users"]
    answer = _list(query={"start": users[0]["id"]}, body={"start": users[3]["id"], "limit": 2})
    assert _names(answer) == signed_up[1:3]


def test_an_empty_body_or_nulls_mean_the_defaults(signed_up: list[str]) -> None:
    for body in ({}, {"start": None, "limit": None}, {"unknown": [1]}, ""):
        assert _names(_list(body=body)) == signed_up


@pytest.mark.parametrize(
    "body", ["x", "[]", "1", "null", '"limit"', "{", '{"limit": NaN}', '{"start": "\\ud800"}', b"\xff", "[" * 60_000]
)
def test_an_unreadable_body_is_an_invalid_json_query(body: str | bytes) -> None:
    answer = call("GET", "/users", token=access_token(), body=body)
    assert answer.status == 400
    assert (answer.json["code"], answer.json["subcode"], answer.json["error"]) == (400, 4018, "Invalid JSON Query")


BAD = [
    ("limit", 0, 4015),
    ("limit", 1001, 4015),
    ("limit", -1, 4015),
    ("limit", "abc", 4015),
    ("limit", "", 4015),
    ("limit", 1.5, 4015),
    ("start", "x", 4016),
    ("start", "", 4016),
    ("start", "01ARZ3NDEKTSV4RRFFQ69G5FA", 4016),
    ("start", "01ARZ3NDEKTSV4RRFFQ69G5FAV ", 4016),
    ("start", "u" * 26, 4016),
]


@pytest.mark.parametrize(("name", "value", "subcode"), BAD)
@pytest.mark.parametrize("where", ["query", "body"])
def test_a_bad_parameter_is_reported_from_query_and_body(where: str, name: str, value: object, subcode: int) -> None:
    answer = call("GET", "/users", token=access_token(), **{where: {name: value}})  # type: ignore[arg-type]
    assert (answer.status, answer.json["code"], answer.json["subcode"]) == (400, 400, subcode)
    assert [problem["field"] for problem in answer.json["detail"]] == [name]


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, 10**400])
def test_a_body_parameter_of_the_wrong_type_is_reported(value: object) -> None:
    answer = call("GET", "/users", token=access_token(), body=json.dumps({"limit": value}))
    assert (answer.status, answer.json["subcode"]) == (400, 4015)


def test_the_list_needs_a_token() -> None:
    assert call("GET", "/users").status == 401
