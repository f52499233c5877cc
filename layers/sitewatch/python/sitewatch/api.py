"""The base of every HTTP endpoint: one way to do access, errors, CORS, size limits and logging."""

import base64
import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response, content_types
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from sitewatch import settings
from sitewatch.callers import Access, Caller, Origin, Role
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
ALL_ROLES = Access(frozenset(Role))
MACHINES_OR_ANONYMOUS = Access(MACHINES_AND_ADMINS.roles, anonymous=True)
"""As ``USERS_OR_ANONYMOUS``."""
PUBLIC = Access(frozenset(), anonymous=True)
"""Needs no token and ignores any."""
USERS_OR_ANONYMOUS = Access(USERS.roles, anonymous=True)
"""Needs no token, but checks one that is sent: a bad token is a 401, not an anonymous caller."""

MAX_BODY_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
_FIRST_ENTRY = re.compile(r"^0(\.|$)")
_SECURITY_HEADERS = {
    "Strict-Transport-Security": ["max-age=31536000"],
    "X-Content-Type-Options": ["nosniff"],
}
"""Headers of every response. The gateway's own responses have them too: template.yaml."""
_ENCODED_JSON = ("%7B", "%5B")
"""How LocalStack passes on JSON with curl's default content type. Its plus signs are lost, so it cannot be parsed."""


class Api(APIGatewayRestResolver):
    """The endpoint of one function.

    Parameters
    ----------
    access
        Who may call it: by default users and admins. Only ``PUBLIC`` and ``USERS_OR_ANONYMOUS`` need no token.
    max_body_bytes
        Larger bodies are rejected with a 400 before parsing.
    accepts_list
        Whether the JSON body may be a list. Without it a list is a 400: Powertools would pass on its first entry only.
    form
        Whether the body is a form instead of JSON. The request's ``Content-Type`` is ignored in both cases.
    ignores_query
        Whether unknown query parameters are ignored, as a page or a health check should. Elsewhere they are a 400, so
        that a misspelled filter does not list everything.
    body_as_query
        Whether a GET may have its parameters as a JSON object in the body, as older clients send them. The query
        string takes precedence.
    identify
        Identifies the caller in another way than by a token alone, for example by a signature over the body, before
        the event is parsed. It raises an ``ApiError`` to reject the event.
    errors
        The errors that the endpoint returns in addition to those of every endpoint, for the OpenAPI document. A test
        compares them with those that its code can raise.

    """

    def __init__(
        self,
        *,
        access: Access = USERS,
        max_body_bytes: int = MAX_BODY_BYTES,
        accepts_list: bool = False,
        form: bool = False,
        ignores_query: bool = False,
        body_as_query: bool = False,
        identify: Callable[[Mapping[str, Any]], Caller | None] | None = None,
        errors: Collection[ErrorCode] = (),
    ) -> None:
        origins = settings.names("CORS_ORIGINS")
        self.cors_config = CORSConfig(
            allow_origin=origins[0] if origins else "",
            extra_origins=origins[1:],
            allow_headers=["Idempotency-Key", "If-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Link", "Retry-After", "WWW-Authenticate"],
        )
        super().__init__(
            cors=self.cors_config,
            enable_validation=True,
            # Otherwise a response of the wrong shape, which is our mistake, would be a 400.
            response_validation_error_http_code=UNEXPECTED_ERROR.status,
            json_body_deserializer=_from_json,
        )
        self.access = access
        self.caller: Caller | None = None
        self.max_body_bytes = max_body_bytes
        self._accepts_list = accepts_list
        self._form = form
        self._identify = identify
        self._ignores_query = ignores_query
        self.body_as_query = body_as_query
        self.errors = errors
        self.exception_handler(ApiError)(_error_response)
        self.exception_handler([RequestValidationError, RequestUnsupportedContentType])(self._invalid_input_response)
        self.exception_handler(Exception)(_unexpected_error_response)
        self.not_found(lambda _: _error_response(ApiError(NOT_FOUND)))

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Handle an API Gateway proxy event. The caller is authenticated before the request is parsed."""
        logger.set_correlation_id(event["requestContext"].get("requestId"))
        started = time.perf_counter()
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        try:
            self._authenticate(event, headers.get("authorization"))
            response = super().resolve(self._prepared(event, headers), context)
        except ApiError as error:
            response = self._with_cors(_error_response(error), headers)
        except Exception as error:  # noqa: BLE001 - the boundary that turns it into a 500
            response = self._with_cors(_unexpected_error_response(error), headers)
        if response["statusCode"] == UNEXPECTED_ERROR.status:
            count_unexpected_error(context.function_name)
        response["multiValueHeaders"].setdefault("Cache-Control", ["no-store"])
        response["multiValueHeaders"] |= {"Vary": ["Origin"], **_SECURITY_HEADERS}
        # Not every engine accepts null. A HEAD returns its body too, and the gateway sends only its length.
        response["body"] = response["body"] or ""
        caller = self.caller
        named: dict[str, Any] = (
            {"subject": caller.subject, "role": caller.role, "token_id": caller.token_id} if caller else {}
        )
        logger.info(
            "request",
            method=event["httpMethod"],
            route=event["resource"],
            status=response["statusCode"],
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
            address=event["requestContext"].get("identity", {}).get("sourceIp"),
            **named,
        )
        return response

    @property
    def needs_token(self) -> bool:
        """Whether every caller needs a token."""
        return not self.access.anonymous

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that may call it; empty if it ignores tokens."""
        return self.access.roles

    @property
    def address(self) -> str:
        """The caller's address: an IPv4 address, or the /64 network of an IPv6 address, which one customer has.

        API Gateway reports it. Clients can send any ``X-Forwarded-For``, so it is not read.
        """
        source = self.current_event.request_context.identity.source_ip
        # Not at the top: only requests that limit or identify callers by address need it.
        from ipaddress import IPv6Address, ip_address, ip_network  # noqa: PLC0415

        try:
            address = ip_address(source)
        except ValueError:
            return source
        if not isinstance(address, IPv6Address):
            return str(address)
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))

    def require_caller(self) -> Caller:
        """The caller of an endpoint that needs a token.

        Raises
        ------
        ApiError
            401 if there is none.

        """
        if self.caller is None:
            raise ApiError(BAD_TOKEN, "Missing Authorization Header")
        return self.caller

    @property
    def origin(self) -> Origin:
        """The caller and the address of the current request."""
        return Origin(self.caller.subject if self.caller else None, self.address)

    def _authenticate(self, event: Mapping[str, Any], authorization: str | None) -> None:
        """Set the caller, also that of a request that is then refused: the log names it."""
        self.caller = None
        if self._identify is not None:
            self.caller = self._identify(event)
            return
        if not self.access.roles:
            return
        # Not at the top: it imports cryptography, a sixth of the import time, and a public endpoint does not need it.
        from sitewatch.authentication import authorize, identify  # noqa: PLC0415

        self.caller = identify(authorization, access=self.access)
        if self.caller is not None:
            self.caller = authorize(self.caller, access=self.access)

    def _prepared(self, event: Mapping[str, Any], headers: Mapping[str, str]) -> Mapping[str, Any]:
        """``event`` in the form that Powertools should parse. Rejects a body that is too large."""
        body = _body_text(event)
        if self.access.anonymous and body and not self._is_content_type_allowed(headers):
            raise ApiError(
                INVALID_QUERY, [{"field": "Content-Type", "message": f"{self._content_type} from a browser"}]
            )
        if not self._ignores_query:
            self._check_query(event.get("multiValueQueryStringParameters") or {})
        # Engines differ in whether they decode the path, and Powertools' routes know no combining marks.
        path = quote(unquote(event["path"]), errors="replace")
        event = {**event, "body": body, "isBase64Encoded": False, "path": path}
        if len(body.encode()) > self.max_body_bytes:
            raise ApiError(INVALID_QUERY, [{"field": "body", "message": f"at most {self.max_body_bytes} bytes"}])
        if not body:
            return event
        if self.body_as_query and event["httpMethod"] == "GET":
            return {**event, "body": None, **_query_with_body(event, body)}
        if _is_list(body) and not (self._form or self._accepts_list):
            raise ApiError(INVALID_QUERY, [{"field": "body", "message": "not a JSON object"}])
        if self._form and body.lstrip().startswith(("{", "[", "--")):  # JSON, or a multipart form
            raise ApiError(INVALID_QUERY, [{"field": "body", "message": f"not a form ({_FORM})"}])
        if not self._form and body.startswith(_ENCODED_JSON):
            message = f"JSON that was encoded as a form: send {content_types.APPLICATION_JSON} as Content-Type"
            raise ApiError(INVALID_QUERY, [{"field": "body", "message": message}])
        content_type = _FORM if self._form else content_types.APPLICATION_JSON
        return {**event, "headers": {**headers, "content-type": content_type}, "multiValueHeaders": None}

    @cached_property
    def _query_parameters(self) -> Mapping[str, str]:
        """The names of the query parameters of all routes, by their lowercase form."""
        routes = [*self._static_routes, *self._dynamic_routes]
        return {name.alias.lower(): name.alias for route in routes for name in route.dependant.query_params}

    @property
    def _content_type(self) -> str:
        return _FORM if self._form else str(content_types.APPLICATION_JSON)

    def _is_content_type_allowed(self, headers: Mapping[str, str]) -> bool:
        """Whether a request without a token has the body's own type, or does not come from a browser.

        A page of any origin can make its visitors send text or forms, without asking this API first (a preflight).
        Other clients, such as ``curl -d``, need no type. Forms of other sites are refused by what browsers say of them.
        """
        if "origin" not in headers and not any(name.startswith("sec-fetch-") for name in headers):
            return True
        if headers.get("content-type", "").partition(";")[0].strip().lower() != self._content_type:
            return False
        is_foreign = headers.get("sec-fetch-site") == "cross-site"
        return not (self._form and is_foreign and headers.get("origin") not in settings.names("CORS_ORIGINS"))

    def _check_query(self, query: Mapping[str, Any]) -> None:
        """Reject parameters that no route of this endpoint has, and name the nearest one."""
        known = self._query_parameters if query else {}
        unknown = sorted(query.keys() - set(known.values()))
        if unknown:
            raise ApiError(INVALID_QUERY, [_unknown_parameter(name, known) for name in unknown])

    def _invalid_input_response(self, error: RequestValidationError | RequestUnsupportedContentType) -> Response[str]:
        """A 400 that names each invalid field. It never repeats the values: they may contain a password."""
        problems = [{"field": _field_name(problem), "message": problem["msg"]} for problem in error.errors()]
        if self._accepts_list and not _is_list(self.current_event.body or ""):  # validated as a list of one
            problems = [{**problem, "field": _FIRST_ENTRY.sub("", problem["field"]) or "body"} for problem in problems]
        return _error_response(ApiError(code_of_field(problems[0]["field"].rpartition(".")[2]), problems))

    def _with_cors(self, response: Response[str], headers: Mapping[str, str]) -> dict[str, Any]:
        cors = self.cors_config.to_dict(headers.get("origin"))
        return {
            "statusCode": response.status_code,
            "body": response.body,
            "isBase64Encoded": False,
            "multiValueHeaders": {
                name: value if isinstance(value, list) else [value]
                for name, value in {"Content-Type": content_types.APPLICATION_JSON, **response.headers, **cors}.items()
            },
        }


def _unknown_parameter(name: str, known: Mapping[str, str]) -> dict[str, str]:
    # Not at the top: only a wrong request needs it.
    from difflib import get_close_matches  # noqa: PLC0415

    nearest = get_close_matches(name.lower(), known, n=1)
    hint = f"; did you mean {known[nearest[0]]}?" if nearest else ""
    return {"field": name, "message": f"unknown parameter{hint}"}


def _is_list(body: str) -> bool:
    return body.lstrip().startswith("[")


def _body_text(event: Mapping[str, Any]) -> str:
    body: str = event.get("body") or ""
    try:
        # Encoded even if it is text already, to reject lone surrogates, which JSON escapes can contain.
        data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        return data.decode()
    except ValueError:
        raise ApiError(INVALID_QUERY, [{"field": "body", "message": "not UTF-8 text"}]) from None


def _from_json(text: str) -> Any:
    # Stricter than the standard library: no NaN, no lone surrogates, limited depth.
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
        raise ApiError(INVALID_QUERY, [{"field": "body", "message": "not a JSON object"}])
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


def _error_response(error: ApiError) -> Response[str]:
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if error.code.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.code.status == 429:
        headers["Retry-After"] = str(error.retry_after)
    return Response(
        status_code=error.code.status,
        content_type=content_types.APPLICATION_JSON,
        body=json.dumps(error.body()),
        headers=headers,
    )


def _field_name(problem: Mapping[str, Any]) -> str:
    """The field as the client knows it: ``("body", 3, "year")`` is ``3.year``."""
    if problem["type"] == "json_invalid":  # its location is an offset into the text
        return "body"
    names = [str(part) for part in problem["loc"] if part not in ("body", "query", "path", "header")]
    return ".".join(names) or "body"


def _unexpected_error_response(error: Exception) -> Response[str]:
    """Turn an unexpected error into a 500 response. Only the log has the traceback."""
    logger.exception("unexpected error", exc_info=error)
    return _error_response(ApiError(UNEXPECTED_ERROR))
