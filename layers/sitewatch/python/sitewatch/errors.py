"""The error catalogue of the contract, and the one exception that carries an entry of it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An entry of the catalogue: the HTTP status, our finer code, and its stable message."""

    status: int
    subcode: int
    error: str


INVALID_PASSWORD = ErrorCode(400, 4001, "Invalid Password")
INVALID_USERNAME = ErrorCode(400, 4002, "Invalid Username")
INVALID_ID = ErrorCode(400, 4003, "Invalid ID")
INVALID_SENDER_ID = ErrorCode(400, 4005, "Invalid Sender ID")
INVALID_RECEIVER_ID = ErrorCode(400, 4006, "Invalid Receiver ID")
INVALID_CONTENT = ErrorCode(400, 4007, "Invalid Message Content")
INVALID_TYPE = ErrorCode(400, 4009, "Invalid Type")
INVALID_TEXT = ErrorCode(400, 4010, "Invalid Text")
INVALID_URL = ErrorCode(400, 4011, "Invalid URL")
INVALID_WIDTH = ErrorCode(400, 4012, "Invalid Width")
INVALID_HEIGHT = ErrorCode(400, 4013, "Invalid Height")
INVALID_SOURCE = ErrorCode(400, 4014, "Invalid Source")
INVALID_LIMIT = ErrorCode(400, 4015, "Invalid Limit")
INVALID_START = ErrorCode(400, 4016, "Invalid Start")
INVALID_TIME = ErrorCode(400, 4017, "Invalid Time")
INVALID_QUERY = ErrorCode(400, 4018, "Invalid JSON Query")
BAD_CREDENTIALS = ErrorCode(401, 4131, "Bad Credentials")
BAD_TOKEN = ErrorCode(401, 4132, "Bad Token")
FORBIDDEN = ErrorCode(403, 4133, "Forbidden")
NOT_FOUND = ErrorCode(404, 4040, "Not Found")
USER_NOT_FOUND = ErrorCode(404, 4041, "User Not Found")
USERNAME_TAKEN = ErrorCode(409, 4004, "Username Already Taken")
PRECONDITION_FAILED = ErrorCode(412, 4120, "Precondition Failed")
USERNAME_TAKEN_IN_JOB = ErrorCode(400, 4004, "Username Already Taken")
"""What a notification says where an answer would be a 409."""
TOO_MANY_REQUESTS = ErrorCode(429, 4290, "Too Many Requests")
UNEXPECTED_ERROR = ErrorCode(500, 5000, "Unexpected Error")
NO_DATA_POINT = ErrorCode(502, 5020, "No Data Point Available")
DATABASE_NOT_HEALTHY = ErrorCode(503, 5001, "App Not Healthy")
QUEUES_NOT_HEALTHY = ErrorCode(503, 5002, "App Not Healthy")

_CODE_OF_FIELD = {
    "password": INVALID_PASSWORD,
    "username": INVALID_USERNAME,
    "id": INVALID_ID,
    "sender_id": INVALID_SENDER_ID,
    "recipient_id": INVALID_RECEIVER_ID,
    "limit": INVALID_LIMIT,
    "start": INVALID_START,
    "cursor": INVALID_START,
    "from": INVALID_TIME,
    "to": INVALID_TIME,
    "created_at": INVALID_TIME,
    "ts": INVALID_TIME,
    "atInstant": INVALID_TIME,
    "end": INVALID_TIME,
}


def code_of_field(field: str) -> ErrorCode:
    """The catalogue's entry for a bad value of ``field``; where it has none, "Invalid JSON Query"."""
    return _CODE_OF_FIELD.get(field, INVALID_QUERY)


class ApiError(Exception):
    """An answer other than 2xx.

    Parameters
    ----------
    code
        What the catalogue calls it.
    detail
        What the client can act on: a sentence, or a list of ``{"field", "message"}``.

    """

    def __init__(self, code: ErrorCode, detail: str | list[dict[str, str]] | None = None) -> None:
        super().__init__(code.error)
        self.code = code
        self.detail = code.error if detail is None else detail

    def body(self) -> dict[str, Any]:
        """The JSON body that every non-2xx answer has; 401 answers add ``msg``."""
        body: dict[str, Any] = {
            "code": self.code.status,
            "subcode": self.code.subcode,
            "error": self.code.error,
            "detail": self.detail,
        }
        if self.code.status == 401:
            body["msg"] = self.detail
        return body


def invalid_field(field: str, message: str) -> ApiError:
    """The 400 for one bad field, in the shape that validation gives for many."""
    return ApiError(code_of_field(field), [{"field": field, "message": message}])
