"""The sample events of ``events/``: what each needs to be stored, and real tokens for its placeholders."""

import json
from collections.abc import Callable
from typing import Any

from accounts import password_changes
from accounts.model import UserRecord
from events.model import EventRecord
from incidents.model import IncidentRecord, state_id
from occupancy import recording
from occupancy.model import Reading
from rules.model import RuleRecord
from sitewatch import clock, directory, ids
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.audit import OPERATOR
from sitewatch.callers import Role
from sitewatch.partitions import position
from sources.model import SourceRecord
from tests.world import people
from tests.world.calling import Context, access_token, handler_of
from tests.world.template import ROOT, resources, sample_name

SAMPLES = ROOT / "events"
SENDER, RECIPIENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRZ"
FUNCTIONS = {sample_name(name): properties for name, properties in resources("AWS::Serverless::Function").items()}
APIS = sorted(
    sample
    for sample, properties in FUNCTIONS.items()
    if "Api" in {event["Type"] for event in properties.get("Events", {}).values()}
)


def event(sample: str, access: str = "", refresh: str = "", reset: str = "") -> dict[str, Any]:
    """The sample, with tokens for its placeholders."""
    text = (SAMPLES / f"{sample}.json").read_text(encoding="utf-8")
    for placeholder, token in (("ACCESS_TOKEN", access), ("REFRESH_TOKEN", refresh), ("RESET_TOKEN", reset)):
        text = text.replace(placeholder, token)
    found: dict[str, Any] = json.loads(text)
    return found


def invoke(sample: str) -> Any:
    """Do what ``sam local invoke -e events/<sample>.json`` does."""
    return handler_of(FUNCTIONS[sample]["Handler"])(event(sample), Context())


def request(sample: str) -> dict[str, Any]:
    """The sample of an endpoint, from an administrator, after storing what it needs to succeed."""
    GIVEN.get(sample, _nothing)()
    caller = people.stored("alice").id if GIVEN.get(sample) is _alice else SENDER
    refresh = people.log_in("alice")["refresh_token"] if sample == "post_auth_refresh" else ""
    reset = password_changes.issue_reset(caller, OPERATOR)[0] if sample == "post_auth_reset_password" else ""
    return event(sample, access_token(Role.ADMIN, subject=caller), refresh, reset)


def _alice() -> None:
    people.sign_up("alice")


def _token_to_revoke() -> None:
    ApiTokenRecord(
        KIND,
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        name="camera",
        created_by=ids.new_id(),
        created_at=clock.now(),
        expires_at=clock.now(),
    ).save()


def two_people() -> None:
    """Store the users of the samples: the sender, who calls, and the recipient."""
    for user_id, username in ((SENDER, "sender"), (RECIPIENT, "recipient")):
        key = directory.user_key(user_id)
        user = UserRecord(key, id=user_id, username=username, password_hash="", role="user", created_at=clock.now())
        user.save()


def _a_finished_job() -> None:
    two_people()
    invoke("work_jobs")


def _event() -> None:
    EventRecord(
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        event_type="user_joined",
        event_payload="alice",
        created_at=clock.now(),
        updated_at=clock.now(),
        version=1,
        time_partition="0#",
        type_partition="0#user_joined",
    ).save()


def _rule() -> None:
    RuleRecord(
        id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
        version=1,
        definition=json.loads(event("post_rules")["body"]) | {"hold": 0},
        created_at=clock.now(),
        updated_at=clock.now(),
    ).save()


def _source() -> None:
    SourceRecord("door", "front door").save()


def _incident() -> None:
    incident_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    now = clock.now()
    IncidentRecord(
        incident_id,
        number=1,
        version=1,
        cause=state_id(incident_id, "gate"),
        rule_id=incident_id,
        rule_name="forced doors",
        rule_version=1,
        severity="warning",
        state="open",
        title="gate",
        opened_at=now,
        last_at=now,
        occurrences=1,
        position=position(now, incident_id),
        time_partition="open",
        rule_partition=f"open#{incident_id}",
    ).save()


def _reading() -> None:
    recording.record(Reading(sensor="door-1", ts=clock.now(), in_count=2, out=1), ids.new_id())


def _nothing() -> None:
    """The sample needs no data."""


GIVEN: dict[str, Callable[[], None]] = {
    "post_token": _alice,
    "post_auth_login": _alice,
    "post_login": _alice,
    "post_auth_refresh": _alice,
    "get_users_me": _alice,
    "put_users_me_password": _alice,
    "post_auth_reset_password": _alice,
    "post_user_password_reset": two_people,
    "delete_api_token": _token_to_revoke,
    "post_auth_logout": two_people,
    "patch_user": two_people,
    "delete_user": two_people,
    "get_messages": _a_finished_job,
    "get_notifications": _a_finished_job,
    "get_job": _a_finished_job,
    "get_event": _event,
    "put_event": _event,
    "patch_event": _event,
    "delete_event": _event,
    "get_rule": _rule,
    "put_rule": _rule,
    "delete_rule": _rule,
    "get_source": _source,
    "delete_source": _source,
    "get_incident": _incident,
    "post_act": _incident,
    "post_acts": _incident,
    "get_sensor_occupancy": _reading,
    "get_sensor_history": _reading,
}
