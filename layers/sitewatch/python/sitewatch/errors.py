"""The error catalogue of the contract, and the exception that endpoints raise."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An entry of the catalogue: the HTTP status, the more specific ``subcode``, and the stable message."""

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
CONFLICT = ErrorCode(409, 4090, "Conflict")
PRECONDITION_FAILED = ErrorCode(412, 4120, "Precondition Failed")
USERNAME_TAKEN_IN_JOB = ErrorCode(400, 4004, "Username Already Taken")
"""The code in a notification about a job; a response has ``USERNAME_TAKEN``."""
TOO_MANY_REQUESTS = ErrorCode(429, 4290, "Too Many Requests")
UNEXPECTED_ERROR = ErrorCode(500, 5000, "Unexpected Error")
NO_DATA_POINT = ErrorCode(502, 5020, "No Data Point Available")
DATABASE_NOT_HEALTHY = ErrorCode(503, 5001, "App Not Healthy")
QUEUES_NOT_HEALTHY = ErrorCode(503, 5002, "App Not Healthy")

_CODE_OF_FIELD = {
    "password": INVALID_PASSWORD,
    "current_password": INVALID_PASSWORD,
    "new_password": INVALID_PASSWORD,
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
    """The entry for an invalid value of ``field``; "Invalid JSON Query" if it has no entry of its own."""
    return _CODE_OF_FIELD.get(field, INVALID_QUERY)


class ApiError(Exception):
    """An error response.

    Parameters
    ----------
    code
        The entry of the catalogue.
    detail
        Explains the error to the client: a sentence, or a list of ``{"field", "message"}``.
    retry_after
        The seconds after which a 429 should be tried again.

    """

    def __init__(
        self, code: ErrorCode, detail: str | list[dict[str, str]] | None = None, *, retry_after: int = 1
    ) -> None:
        super().__init__(code.error)
        self.code = code
        self.detail = code.error if detail is None else detail
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The JSON body of the response; a 401 also has ``msg``."""
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
    """The 400 for one invalid field, in the same format as validation errors."""
    return ApiError(code_of_field(field), [{"field": field, "message": message}])
