"""The audit log: listed newest first, by subject and action, page by page."""

from datetime import timedelta

import pytest

from sitewatch import audit, clock
from sitewatch.audit import Action, AuditRecord
from sitewatch.callers import Origin
from tests.world.calling import Answer, access_token, admin_token, call

ORIGIN = Origin("someone", "192.0.2.7")


def _list(**query: object) -> Answer:
    return call("GET", "/audit", query=query, token=admin_token())


def _write(action: Action, subject: str | None) -> str:
    entry = audit.entry(ORIGIN, action, subject, everywhere=True)
    audit.append(entry)
    return str(entry.id)


def test_an_entry_says_who_did_what_to_whom_when_and_from_where() -> None:
    entry_id = _write(Action.LOGGED_OUT, "alice")
    [entry] = _list().json["entries"]
    assert abs(clock.parse(entry.pop("at")) - clock.now()) < timedelta(minutes=1)
    assert entry == {
        "id": entry_id,
        "actor": "someone",
        "action": "session.logged_out",
        "subject": "alice",
        "address": "192.0.2.7",
        "detail": {"everywhere": True},
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [3, 2, 1, 0]),
        ({"subject": "alice"}, [3, 2, 0]),
        ({"action": "user.changed"}, [3, 1]),
        ({"subject": "alice", "action": "user.changed"}, [3]),
        ({"subject": "nobody"}, []),
    ],
)
def test_entries_are_filtered_newest_first_page_by_page(query: dict[str, str], expected: list[int]) -> None:
    written = [
        _write(action, subject)
        for action, subject in (
            (Action.USER_CREATED, "alice"),
            (Action.USER_CHANGED, "bob"),
            (Action.LOGIN_FAILED, "alice"),
            (Action.USER_CHANGED, "alice"),
        )
    ]
    wanted = sorted((written[number] for number in expected), reverse=True)
    found, page = [], {**query, "limit": "1"}
    while page:
        answer = _list(**page)
        found += [entry["id"] for entry in answer.json["entries"]]
        page = answer.next_query or {}
    assert found == wanted


def test_an_entry_that_exists_never_changes() -> None:
    entry = audit.entry(ORIGIN, Action.USER_CHANGED, "alice")
    audit.append(entry)
    entry.actor = "a thief"
    audit.append(entry)
    assert [each.actor for each in AuditRecord.query(audit.ENTRIES)] == ["someone"]


def test_entries_are_kept_for_400_days() -> None:
    entry = audit.entry(ORIGIN, Action.USER_CHANGED, "alice")
    assert abs(entry.expires_at - clock.now() - timedelta(days=400)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "field"), [({"action": "x"}, "action"), ({"start": "x"}, "start"), ({"limit": 0}, "limit")]
)
def test_a_bad_filter_is_reported(query: dict[str, object], field: str) -> None:
    answer = _list(**query)
    assert (answer.status, answer.json["detail"][0]["field"]) == (400, field)


def test_only_admins_read_it() -> None:
    assert call("GET", "/audit", token=access_token()).status == 403
