"""Every route answers as the OpenAPI document says, whatever it is sent: Schemathesis, in all its phases.

`make fuzz` does it with more examples.
"""

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.transport.wsgi import WSGITransport

from alerts import waiting
from datapoints import get_simulator_data_point, source
from datapoints.source import SourcePoint
from sitewatch import clock, ids
from sitewatch.callers import Role
from sitewatch.paging import encode_cursor
from sitewatch.partitions import position
from tests.world import instance, jobs
from tests.world.calling import access_token, call
from tests.world.gateway import gateway
from tests.world.template import routes

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
SAME_BODY = [] if "FUZZ_EXAMPLES" in os.environ else ["PUT /rules/{rule_id}", "POST /rules/try"]
"""Operations with the body of ``POST /rules``, whose variants would take a minute more. `make fuzz` tries them too."""

_schemathesis_send = WSGITransport.send

ACCEPTED = ["2xx", "401", "403", "404", "409", "412", "429"]
WITH_OTHER_RULES = [
    "/api/sensors/{sensor}/history",  # the number of points
    "/api/tokens",  # 264.0 is not an integer here, but it is in JSON Schema
    "/api/webhook",  # the time is not ahead
    "/detections",  # the same
    "/incidents/acts",  # what each act needs
    "/incidents/{incident_id}/acts",  # the same
    "/rules",  # what each kind of signal has
    "/rules/try",  # the same
    "/rules/{rule_id}",  # the same
]
"""Routes with rules that a schema cannot express, so that a 400 may be right."""

TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds
schemathesis.openapi.format("date-time", TIMES.map(clock.format_time))
schemathesis.openapi.format("name", st.from_regex(r"[\w]{1,30}", fullmatch=True))
schemathesis.openapi.format("cursor", st.builds(position, TIMES, st.uuids().map(str)).map(encode_cursor))


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case[Any], kwargs: Any) -> None:
    """Use a valid key once: with another body it would be a 400."""
    if "Idempotency-Key" in case.headers and case.meta and case.meta.generation.mode.is_positive:
        case.headers["Idempotency-Key"] = ids.new_id()


@schemathesis.check
def undeclared_method(context: Any, response: schemathesis.Response, case: schemathesis.Case[Any]) -> None:
    """The gateway knows no other methods than the declared ones: see `GatewayResponses` in template.yaml."""
    method = str(response.request.method)
    if method != "OPTIONS" and (method, case.path) not in routes():
        assert (response.status_code, response.json()["subcode"] if method != "HEAD" else 4040) == (404, 4040)


def _configuration(token: str) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": 20261126,
            "continue-on-failure": True,
            "headers": {"Authorization": f"Bearer {token}"},
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none", "no-shrink": True},
            "phases": {"stateful": {"max-steps": 4}},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ACCEPTED},
                "unsupported_method": {"enabled": False},  # it wants a 405
            },
            "operations": [
                {
                    "include-path": path,
                    "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "400"]}},
                }
                for path in WITH_OTHER_RULES
            ]
            + [{"include-name": name, "phases": {"coverage": {"enabled": False}}} for name in SAME_BODY],
        }
    )


def _problems(token: str) -> Iterator[str]:
    document = call("GET", "/openapi.json").json | {"servers": [{"url": "/"}]}  # no stage in this process
    schema = schemathesis.openapi.from_dict(document, config=_configuration(token))
    schema.app = gateway
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            yield f"{event.label}: {event.value!r}"
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.failure_info is not None:
                        yield _described(event, case_id, check.failure_info.failure)


def _described(event: Any, case_id: str, failure: Failure) -> str:
    case = event.recorder.cases[case_id].value
    interaction = event.recorder.interactions.get(case_id)
    response = interaction.response if interaction else None
    return "\n".join(
        [
            f"{event.phase.value}: {failure.operation}: {failure.title}: {failure.message[:300]}",
            f"  {case.as_curl_command()[:600]}",
            f"  {response.status_code if response else ''} {response.content[:300] if response else ''!r}",
        ]
    )


@pytest.fixture(autouse=True)
def instance_of_every_function(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Functions that neither wait for alerts, nor hash for long, nor need a source of data points."""
    monkeypatch.setattr(waiting, "next_head", lambda seen, *_, **__: seen)
    monkeypatch.setattr(get_simulator_data_point, "_rng", random.Random(1))
    monkeypatch.setattr(source, "fetch", lambda _: SourcePoint(time=1_795_327_830, value=[0, 0, 128, 63], tags=[]))
    monkeypatch.setattr(WSGITransport, "send", _send)
    with instance.cheap_hashing():
        yield


def _send(transport: WSGITransport, case: Any, *, session: Any = None, **arguments: Any) -> schemathesis.Response:
    """Schemathesis' own, which fails on these arguments when it repeats a request without its token."""
    for name in ("cert", "max_redirects", "verify"):
        arguments.pop(name, None)
    return _schemathesis_send(transport, case, session=session, **arguments)


@pytest.mark.no_cover  # tracing would double its time, and other tests cover the code
def test_every_route_answers_as_documented() -> None:
    user, _ = jobs.add_user()
    problems = list(_problems(access_token(Role.ADMIN, subject=user)))
    assert not problems, "\n\n".join(problems)
