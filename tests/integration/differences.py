"""Known differences between an engine and the contract, test by test, with the reasons that docs/engines.md shows.

A test named here is expected to fail on that engine, and the run reports it if it passes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """A test that fails on an engine; ``routes`` are our routes whose responses differ."""

    engine: str
    test: str
    """The file and the test's name, with or without its parameters: ``test_portal.py::test_…``."""
    reason: str
    routes: tuple[str, ...] = ()
    always: bool = True
    """Whether it fails every time."""


_GATEWAY_RESPONSES = (
    "`sam local` ignores gateway responses: an unknown route or method is its own 403 "
    '`{"message": "Missing Authentication Token"}`.'
)
_GATEWAY_RESPONSES_LOCALSTACK = (
    "LocalStack 4.14.0 does not use the gateway response of an unknown route: it answers its own 403 "
    '`{"message": "Missing Authentication Token"}`.'
)

_TWENTY_FIRST_CALLS = (
    "Twenty calls of one function at once are twenty containers on LocalStack. On two busy cores some do not start "
    "within its own limit, 20 s unless `LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT` says more, and are answered 502 or late."
)

_FORMS_ARE_ENCODED_AGAIN = (
    "LocalStack parses JSON with curl's default content type as a form and encodes it again, which loses its plus "
    "signs: a 400 that asks for `Content-Type: application/json`."
)

_UNPACKED = (
    "LocalStack unpacks a body with `Content-Encoding: gzip`. API Gateway hands it on as it came, which is a 400; it "
    "would unpack only with a minimum size for compression."
)

_ONLY_TEXT = "`sam local` reads every body as UTF-8 and answers a body that is not with its own 502."

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "localstack",
        "test_gateway.py::test_json_with_curls_default_content_type_is_json",
        _FORMS_ARE_ENCODED_AGAIN,
        ("POST /login",),
    ),
    Difference("sam-local", "test_gateway.py::test_a_binary_or_compressed_body_is_a_400", _ONLY_TEXT, ("POST /login",)),
    Difference(
        "localstack",
        "test_gateway.py::test_a_binary_or_compressed_body_is_a_400[compressed]",
        _UNPACKED,
        ("POST /login",),
    ),
    Difference(
        "localstack",
        "test_occupancy.py::test_unordered_repeated_and_concurrent_readings_are_counted_exactly",
        _TWENTY_FIRST_CALLS,
        always=False,
    ),
    *(
        Difference(engine, f"test_gateway.py::test_{test}", reason)
        for engine, reason in (("sam-local", _GATEWAY_RESPONSES), ("localstack", _GATEWAY_RESPONSES_LOCALSTACK))
        for test in (
            "an_unknown_route_is_a_404_in_the_shape_of_every_error",
            "a_known_path_with_an_unknown_method_is_a_404_too",
        )
    ),
)


def of(engine: str, test: str) -> Difference | None:
    """The known difference of ``test`` (``test_portal.py::test_…[…]``) on an engine."""
    names = {test, test.partition("[")[0]}
    return next((each for each in DIFFERENCES if each.engine == engine and each.test in names), None)
