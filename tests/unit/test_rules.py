"""Rules over HTTP: administrators write them, in versions that do not overwrite each other, and all users read them."""

import json
from typing import Any

import pytest

from rules import on_deploy_rule, storing
from sitewatch import custom_resource
from tests.world.calling import Answer, access_token, admin_token, call
from tests.world.faults import Call, Fault, one_invocation
from tests.world.template import ROOT

VANS: dict[str, Any] = json.loads(json.loads((ROOT / "events" / "post_rules.json").read_text("utf-8"))["body"])


def post(body: Any = VANS, **fields: Any) -> Answer:
    return call("POST", "/rules", body={**body, **fields} if isinstance(body, dict) else body, token=admin_token())


def on(method: str, rule_id: str, body: Any = None, if_match: str | None = None, token: str | None = None) -> Answer:
    headers = {"If-Match": if_match} if if_match else None
    path = {"rule_id": rule_id}
    return call(method, "/rules/{rule_id}", path=path, body=body, headers=headers, token=token or admin_token())


def listed(**query: Any) -> Answer:
    return call("GET", "/rules", query=query, token=access_token())


def audited() -> list[tuple[str, str, Any]]:
    entries = call("GET", "/audit", token=admin_token()).json["entries"]
    return [(each["action"], each["subject"], each["detail"]) for each in reversed(entries)]


def windows(*, days: list[str], begins: str = "22:00") -> dict[str, Any]:
    return {"time_zone": "UTC", "windows": [{"days": days, "from": begins, "to": "06:00"}]}


def without(rule: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name not in names}


def test_a_rule_is_stored_and_read_back_as_it_was_sent() -> None:
    answer = post()
    assert (answer.status, answer.headers["etag"], answer.json["version"]) == (201, '"1"', 1)
    own = ("id", "version", "created_at", "updated_at")
    assert without(answer.json, *own) == VANS | {"hold": 0}
    found = on("GET", answer.json["id"], token=access_token())
    assert (found.json, found.headers["etag"]) == (answer.json, '"1"')
    assert listed().json == {"rules": [answer.json]}


def test_what_a_rule_leaves_out_has_a_default() -> None:
    rule = post({"name": "doors", "on": "silence", "match": {"kind": ["door"]}}).json
    expected = {"count": None, "hold": 0, "schedule": None, "per": "source", "severity": "warning", "close_after": None}
    assert {name: rule[name] for name in expected} == expected
    assert (rule["mode"], rule["text"]) == ("live", "{source}")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("match.category.0.prefix", {"match": {"category": [{"prefix": 7}]}}),
        ("match.inside", {"match": {"inside": [7]}}),
        ("match.$or.1.inside", {"match": {"$or": [{"year": [7]}, {"inside": [7]}]}}),
        ("match", {"match": {}}),
        ("match", {"match": {"make": ["x" * 9000]}}),
        ("on", {"on": "weather"}),
        ("name", {"name": ""}),
        ("name", {"name": 7}),
        ("count.at_least", {"count": {"at_least": 0, "within": 5}}),
        ("hold", {"hold": 5}),
        ("hold", {"on": "occupancy", "match": {"inside": [5]}, "per": "rule", "text": "full", "hold": 5}),
        ("hold", {"hold": "5"}),
        ("schedule.time_zone", {"schedule": {**VANS["schedule"], "time_zone": "Europe/Atlantis"}}),
        ("schedule.windows.0.from", {"schedule": windows(days=["mon"], begins="24:00")}),
        ("schedule.windows.0.days.0", {"schedule": windows(days=["Monday"])}),
        ("per", {"per": "inside"}),
        ("per", {"on": "data_point", "match": {"valid": [False]}, "count": None, "per": "tags", "text": "x"}),
        ("severity", {"severity": "urgent"}),
        ("close_after", {"close_after": 0}),
        ("mode", {"mode": "on"}),
        ("text", {"text": "{inside}"}),
        ("text", {"text": "{make.__class__}"}),
        ("notify", {"notify": []}),
    ],
)  # fmt: skip
def test_a_bad_rule_is_refused_and_its_field_named(field: str, fields: dict[str, Any]) -> None:
    answer = post(**fields)
    assert answer.status == 400
    assert [problem["field"] for problem in answer.json["detail"]] == [field]
    assert listed().json == {"rules": []}


def test_a_change_makes_the_next_version_and_one_of_an_old_version_is_refused() -> None:
    rule_id = post().json["id"]
    changed = on("PUT", rule_id, VANS | {"severity": "info"}, if_match='"1"')
    assert (changed.status, changed.json["version"], changed.headers["etag"]) == (200, 2, '"2"')
    assert changed.json["severity"] == "info"
    late = on("PUT", rule_id, VANS, if_match='"1"')
    assert (late.status, late.json["subcode"]) == (412, 4120)
    assert on("DELETE", rule_id, if_match='"1"').status == 412
    assert on("GET", rule_id).json == changed.json
    assert on("PUT", rule_id, VANS).json["version"] == 3


def test_a_deleted_rule_is_gone() -> None:
    rule_id = post().json["id"]
    assert on("DELETE", rule_id, if_match='"1"').status == 204
    assert [on(method, rule_id, body).status for method, body in (("GET", None), ("PUT", VANS), ("DELETE", None))] == [
        404
    ] * 3
    assert listed().json == {"rules": []}


def test_every_change_is_in_the_audit_log() -> None:
    rule_id = post().json["id"]
    on("PUT", rule_id, VANS | {"name": "vans"})
    on("DELETE", rule_id)
    assert audited() == [
        ("rule.created", rule_id, {"name": VANS["name"]}),
        ("rule.changed", rule_id, {"name": "vans", "version": 2}),
        ("rule.deleted", rule_id, {"name": "vans", "version": 2}),
    ]


def test_users_read_rules_and_only_administrators_write_them() -> None:
    rule_id = post().json["id"]
    user = access_token()
    assert on("GET", rule_id, token=user).status == 200
    assert call("POST", "/rules", body=VANS, token=user).status == 403
    assert on("PUT", rule_id, VANS, token=user).status == 403
    assert on("DELETE", rule_id, token=user).status == 403


def test_the_list_has_pages() -> None:
    made = [post(name=f"rule {number}").json["id"] for number in range(3)]
    first = listed(limit=2)
    assert first.next_query is not None
    second = listed(**first.next_query)
    assert second.next_query is None
    assert [each["id"] for page in (first, second) for each in page.json["rules"]] == sorted(made)


def test_there_is_a_limit_to_the_number_of_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "MAX_RULES", 2)
    made = [post().json["id"] for _ in range(2)]
    refused = post()
    assert (refused.status, refused.json["subcode"]) == (409, 4090)
    assert on("DELETE", made[0]).status == 204
    assert post().status == 201


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.RESPONSE_LOST])
def test_a_write_that_conflicts_or_whose_response_is_lost_is_done_once(fault: Fault) -> None:
    def once(made: Call) -> Fault | None:
        transactions.append(made.operation)
        return fault if made.operation == "TransactWriteItems" and transactions.count(made.operation) == 1 else None

    transactions: list[str] = []
    with one_invocation(once):
        rule_id = post().json["id"]
    transactions.clear()
    with one_invocation(once):
        assert on("PUT", rule_id, VANS | {"name": "vans"}, if_match='"1"').json["version"] == 2
    transactions.clear()
    with one_invocation(once):
        assert on("DELETE", rule_id, if_match='"2"').status == 204
    assert [action for action, _, _ in audited()] == ["rule.created", "rule.changed", "rule.deleted"]


# --- the rule of the deployment -----------------------------------------------------------------------


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch) -> Any:
    event = json.loads((ROOT / "events" / "provision_rule.json").read_text("utf-8"))
    responses: list[str] = []

    class Pool:
        @staticmethod
        def request(method: str, url: str, *, body: bytes, headers: object) -> None:
            responses.append(json.loads(body)["Status"])

    monkeypatch.setattr(custom_resource, "_http", Pool)

    def deploy() -> None:
        on_deploy_rule.handler(event, None)
        assert responses.pop() == "SUCCESS"

    return deploy


def test_a_deployment_makes_the_rule_about_suspicious_vehicles(deploy: Any) -> None:
    deploy()
    (rule,) = listed().json["rules"]
    assert (rule["name"], rule["match"], rule["per"]) == ("suspicious-vehicles", {"suspicious": [True]}, "source")


def test_the_next_deployment_keeps_what_people_made_of_it(deploy: Any) -> None:
    deploy()
    (rule,) = listed().json["rules"]
    on("PUT", rule["id"], VANS)
    deploy()
    assert [each["name"] for each in listed().json["rules"]] == [VANS["name"]]
    on("DELETE", rule["id"])
    deploy()
    assert listed().json == {"rules": []}
