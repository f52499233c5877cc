"""The error catalogue of the contract."""

import pytest

from sitewatch import errors
from sitewatch.errors import ApiError, ErrorCode, code_of_field, invalid_field


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


CATALOGUE = {
    (400, 4001, "Invalid Password"),
    (400, 4002, "Invalid Username"),
    (400, 4004, "Username Already Taken"),
    (400, 4003, "Invalid ID"),
    (409, 4004, "Username Already Taken"),
    (400, 4005, "Invalid Sender ID"),
    (400, 4006, "Invalid Receiver ID"),
    (400, 4007, "Invalid Message Content"),
    (400, 4009, "Invalid Type"),
    (400, 4010, "Invalid Text"),
    (400, 4011, "Invalid URL"),
    (400, 4012, "Invalid Width"),
    (400, 4013, "Invalid Height"),
    (400, 4014, "Invalid Source"),
    (400, 4015, "Invalid Limit"),
    (400, 4016, "Invalid Start"),
    (400, 4017, "Invalid Time"),
    (400, 4018, "Invalid JSON Query"),
    (401, 4131, "Bad Credentials"),
    (401, 4132, "Bad Token"),
    (403, 4133, "Forbidden"),
    (404, 4041, "User Not Found"),
    (404, 4040, "Not Found"),
    (409, 4090, "Conflict"),
    (412, 4120, "Precondition Failed"),  # our own: the contract has If-Match, but no error for it
    (429, 4290, "Too Many Requests"),
    (500, 5000, "Unexpected Error"),
    (502, 5020, "No Data Point Available"),
    (503, 5001, "App Not Healthy"),
    (503, 5002, "App Not Healthy"),
}


def test_the_catalogue_matches_the_contract() -> None:
    ours = {(code.status, code.subcode, code.error) for code in vars(errors).values() if isinstance(code, ErrorCode)}
    assert ours == CATALOGUE


@pytest.mark.parametrize(
    ("field", "subcode"),
    [
        ("password", 4001),
        ("username", 4002),
        ("id", 4003),
        ("limit", 4015),
        ("start", 4016),
        ("from", 4017),
        ("to", 4017),
        ("email", 4018),
        ("body", 4018),
    ],
)
def test_a_bad_field_has_its_own_code_or_that_of_a_bad_query(field: str, subcode: int) -> None:
    error = invalid_field(field, "not so")
    assert error.code is code_of_field(field)
    assert error.body() == {
        "code": 400,
        "subcode": subcode,
        "error": error.code.error,
        "detail": [{"field": field, "message": "not so"}],
    }


def test_only_a_401_has_a_msg_which_repeats_the_detail() -> None:
    assert ApiError(errors.BAD_TOKEN, "Token has expired").body() == {
        "code": 401,
        "subcode": 4132,
        "error": "Bad Token",
        "detail": "Token has expired",
        "msg": "Token has expired",
    }
    assert "msg" not in ApiError(errors.FORBIDDEN, "no").body()


def test_the_detail_defaults_to_the_error() -> None:
    assert ApiError(errors.NOT_FOUND).body()["detail"] == "Not Found"
