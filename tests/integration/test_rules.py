"""Administrators write rules, whose patterns match what EventBridge's own would."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from rules.pattern import Match, compiled
from runner.stack import Stack
from tests.integration.client import Client
from tests.world.patterns import EVENTS, PATTERNS

DOORS = {"name": "silent doors", "on": "silence", "match": {"kind": ["door"]}, "hold": 60}


@pytest.mark.conformance
def test_an_administrator_writes_rules_and_users_read_them(admin: Client, user: Client) -> None:
    made = admin.post("/rules", json=DOORS)
    assert made.status_code == 201, made.text
    path = f"/rules/{made.json()['id']}"
    assert user.get(path).json() == made.json()
    assert made.json() in [rule for page in user.pages("/rules") for rule in page["rules"]]

    changed = admin.put(path, json=DOORS | {"hold": 90}, headers={"If-Match": made.headers["etag"]})
    assert (changed.status_code, changed.json()["version"], changed.json()["hold"]) == (200, 2, 90)
    assert admin.put(path, json=DOORS, headers={"If-Match": made.headers["etag"]}).status_code == 412
    assert user.delete(path).status_code == 403
    assert admin.delete(path, headers={"If-Match": changed.headers["etag"]}).status_code == 204
    assert user.get(path).status_code == 404


@pytest.mark.conformance
def test_a_bad_pattern_names_its_leaf(admin: Client) -> None:
    answer = admin.post("/rules", json=DOORS | {"match": {"kind": [{"prefix": 7}]}})
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, "match.kind.0.prefix")


@pytest.mark.conformance
def test_the_deployment_has_the_rule_about_suspicious_vehicles(user: Client) -> None:
    rules = [rule for page in user.pages("/rules") for rule in page["rules"]]
    assert "suspicious-vehicles" in [rule["name"] for rule in rules]


def test_patterns_match_what_eventbridge_matches(stack: Stack) -> None:
    bridge = stack.client("events")
    envelope = {
        "id": "1",
        "detail-type": "signal",
        "source": "sitewatch",
        "account": "123456789012",
        "time": "2026-11-26T06:00:00Z",
        "region": "us-east-1",
        "resources": [],
    }

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(pattern=PATTERNS, event=EVENTS)
    @example(pattern={"tags": [{"exists": False}]}, event={"tags": []})
    @example(pattern={"tags": [{"exists": True}]}, event={"tags": []})
    def agree(pattern: dict[str, Any], event: dict[str, Any]) -> None:
        answer = bridge.test_event_pattern(
            EventPattern=json.dumps({"detail": pattern}), Event=json.dumps({**envelope, "detail": event})
        )
        assert compiled(Match.model_validate(pattern)).matches(event) == answer["Result"]

    agree()
