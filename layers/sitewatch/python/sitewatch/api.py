"""The factory of every HTTP endpoint: access, errors, CORS, size limits and logging are the same everywhere."""

import base64
import json
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response, content_types
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from sitewatch import settings
from sitewatch.callers import Access, Caller, Role
from sitewatch.errors import (
    BAD_TOKEN,
    INVALID_QUERY,
    NOT_FOUND,
    UNEXPECTED_ERROR,
    ApiError,
    ErrorCode,
    code_of_field,
)
from sitewatch.observability import count_unexpected_error, logger

USERS = Access(frozenset({Role.USER, Role.ADMIN}))
ADMINS = Access(frozenset({Role.ADMIN}))
MACHINES_AND_ADMINS = Access(frozenset({Role.MACHINE, Role.ADMIN}))
EVERYONE_KNOWN = Access(frozenset(Role))
PUBLIC = Access(frozenset(), anonymous=True)
"""No token is needed, and one that comes is not looked at."""
USERS_OR_ANONYMOUS = Access(USERS.roles, anonymous=True)
"""No token is needed, but one that comes has to be good: a bad one does not make its bearer anonymous."""

MOST_BODY_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"


class Api(APIGatewayRestResolver):
    """The endpoint of one function.

    Parameters
    ----------
    access
        Who may call it. Secure by default: users and admins; only ``PUBLIC`` and
        ``USERS_OR_ANONYMOUS`` need no token.
    most_body_bytes
        A request with a larger body is refused unread.
    form
        Whether it takes a form. Every other endpoint takes JSON. Neither asks what the client calls it.
    body_as_query
        Whether a GET may carry its parameters as a JSON object in its body (older clients send it
        so). The query string wins.
    admit
        A further check of the event before it is read, for example of a signature over its body. It
        raises the ``ApiError`` to refuse with.
    errors
        The errors of its own that it answers with, beside those that every endpoint has: what the
        OpenAPI document says of it. Tests hold them against what its code can raise.

    """

    def __init__(
        self,
        *,
        access: Access = USERS,
        most_body_bytes: int = MOST_BODY_BYTES,
        form: bool = False,
        body_as_query: bool = False,
        admit: Callable[[Mapping[str, Any]], None] | None = None,
        errors: Collection[ErrorCode] = (),
    ) -> None:
        origins = settings.names("CORS_ORIGINS")
        self.cors_config = CORSConfig(
            allow_origin=origins[0] if origins else "",
            extra_origins=origins[1:],
            allow_headers=["Idempotency-Key", "If-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Link", "WWW-Authenticate"],
        )
        super().__init__(cors=self.cors_config, enable_validation=True, json_body_deserializer=_from_json)
        self.access = access
        self.caller: Caller | None = None
        self._authenticate = _authentication(access)
        self.most_body_bytes = most_body_bytes
        self._form = form
        self._admit = admit
        self.body_as_query = body_as_query
        self.errors = errors
        self.exception_handler(ApiError)(_answer_of_error)
        self.exception_handler([RequestValidationError, RequestUnsupportedContentType])(_answer_of_bad_input)
        self.exception_handler(Exception)(_answer_of_surprise)
        self.not_found(lambda _: _answer_of_error(ApiError(NOT_FOUND)))

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer an API Gateway proxy event. Who calls is checked before what it asks is read."""
        logger.set_correlation_id(event["requestContext"].get("requestId"))
        started = time.perf_counter()
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        try:
            self.caller = self._authenticate(headers.get("authorization"), access=self.access)
            if self._admit is not None:
                self._admit(event)
            answer = super().resolve(self._readable(event, headers), context)
        except ApiError as error:
            answer = self._refusal(_answer_of_error(error), headers)
        except Exception as error:  # noqa: BLE001 - the boundary: a client never sees a failed function
            answer = self._refusal(_answer_of_surprise(error), headers)
        if answer["statusCode"] == UNEXPECTED_ERROR.status:
            count_unexpected_error(context.function_name)
        answer["multiValueHeaders"].setdefault("Cache-Control", ["no-store"])
        answer["multiValueHeaders"]["Vary"] = ["Origin"]
        answer["body"] = answer["body"] or ""  # not every engine takes a null
        logger.info(
            "request",
            method=event["httpMethod"],
            route=event["resource"],
            status=answer["statusCode"],
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
        return answer

    @property
    def needs_token(self) -> bool:
        """Whether nobody may call without a token."""
        return not self.access.anonymous

    @property
    def roles(self) -> frozenset[Role]:
        """The roles whose tokens it takes; empty where it looks at no token."""
        return self.access.roles

    def known_caller(self) -> Caller:
        """The caller, on an endpoint that nobody may call anonymously."""
        if self.caller is None:
            raise ApiError(BAD_TOKEN, "Missing Authorization Header")
        return self.caller

    def _readable(self, event: Mapping[str, Any], headers: Mapping[str, str]) -> Mapping[str, Any]:
        """``event`` as Powertools shall read it; a body that is too large is refused here."""
        body = _text_of_body(event)
        event = {**event, "body": body, "isBase64Encoded": False}
        if len(body.encode()) > self.most_body_bytes:
            raise ApiError(INVALID_QUERY, [{"field": "body", "message": f"at most {self.most_body_bytes} bytes"}])
        if not body:
            return event
        if self.body_as_query and event["httpMethod"] == "GET":
            return {**event, "body": None, **_query_with_body(event, body)}
        content_type = _FORM if self._form else content_types.APPLICATION_JSON
        return {**event, "headers": {**headers, "content-type": content_type}, "multiValueHeaders": None}

    def _refusal(self, answer: Response[str], headers: Mapping[str, str]) -> dict[str, Any]:
        cors = self.cors_config.to_dict(headers.get("origin"))
        return {
            "statusCode": answer.status_code,
            "body": answer.body,
            "isBase64Encoded": False,
            "multiValueHeaders": {
                name: value if isinstance(value, list) else [value]
                for name, value in {"Content-Type": content_types.APPLICATION_JSON, **answer.headers, **cors}.items()
            },
        }


def _authentication(access: Access) -> Callable[..., Caller | None]:
    if not access.roles:
        return _look_at_no_token
    # Not at the top: it brings cryptography, a sixth of an import, which a public endpoint does without.
    from sitewatch.authentication import authenticate  # noqa: PLC0415

    return authenticate


def _look_at_no_token(authorization: str | None, *, access: Access) -> None:
    del authorization, access


def _text_of_body(event: Mapping[str, Any]) -> str:
    body: str = event.get("body") or ""
    try:
        # Encoded too, where it is text: JSON can spell halves of characters that no text has.
        data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        return data.decode()
    except ValueError:
        raise ApiError(INVALID_QUERY, [{"field": "body", "message": "text in UTF-8"}]) from None


def _from_json(text: str) -> Any:
    # Stricter than the standard library's, and safe: no NaN, no lone surrogate, a bounded depth.
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


def _query_with_body(event: Mapping[str, Any], body: str) -> dict[str, Any]:
    try:
        parameters = from_json(body, allow_inf_nan=False)
    except ValueError:
        parameters = None
    if not isinstance(parameters, dict):
        raise ApiError(INVALID_QUERY, [{"field": "body", "message": "a JSON object"}])
    in_query = event.get("multiValueQueryStringParameters") or {}
    in_body = {
        name: [value if isinstance(value, str) else json.dumps(value)]
        for name, value in parameters.items()
        if value is not None
    }
    merged = {**in_body, **in_query}
    return {
        "multiValueQueryStringParameters": merged,
        "queryStringParameters": {name: values[-1] for name, values in merged.items()},
    }


def _answer_of_error(error: ApiError) -> Response[str]:
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if error.code.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        status_code=error.code.status,
        content_type=content_types.APPLICATION_JSON,
        body=json.dumps(error.body()),
        headers=headers,
    )


def _answer_of_bad_input(error: RequestValidationError | RequestUnsupportedContentType) -> Response[str]:
    """A 400 that names each bad field. What came in is not repeated: it may be a password."""
    problems = [{"field": _field(problem), "message": problem["msg"]} for problem in error.errors()]
    return _answer_of_error(ApiError(code_of_field(problems[0]["field"].rpartition(".")[2]), problems))


def _field(problem: Mapping[str, Any]) -> str:
    """``("body", 3, "year")`` is ``3.year``: the index or name as the client sent it."""
    if problem["type"] == "json_invalid":  # its place is an offset into the text
        return "body"
    names = [str(part) for part in problem["loc"] if part not in ("body", "query", "path", "header")]
    return ".".join(names) or "body"


def _answer_of_surprise(error: Exception) -> Response[str]:
    """The one place where an error that nobody expected becomes an answer; its trace goes to the log only."""
    logger.exception("unexpected error", exc_info=error)
    return _answer_of_error(ApiError(UNEXPECTED_ERROR))
