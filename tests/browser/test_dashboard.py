"""The dashboard in a real browser, on the deployed system."""

import base64
import json
import time
import uuid
from typing import Any

import jwt
import pytest
from playwright.sync_api import Browser, Route, expect

from runner.stack import Stack
from sitewatch import keys
from tests.browser.conftest import ARTEFACTS, AXE, Dashboard, needs_route
from tests.integration.client import Client, eventually

FIRST_VIEW_BYTES = 300_000
ALERT_MILLISECONDS = 30_000


def put_suv(stack: Stack) -> str:
    """Put a suspicious vehicle on the stream, as a camera does. Return its model, which is unique."""
    model = f"Model {uuid.uuid4().hex[:8]}"
    vehicle = {"year": 2024, "make": "Sighted", "model": model, "category": "SUV"}
    stack.client("kinesis").put_record(
        StreamName=stack.detections_stream, Data=json.dumps(vehicle).encode(), PartitionKey=model
    )
    return model


# --- signing in -----------------------------------------------------------------------------------


def test_a_person_signs_in_and_sees_the_site_without_an_error(dashboard: Dashboard) -> None:
    dashboard.enter()
    for name in ("Alerts", "Detections", "Vehicles", "Rooms", "Instrument", "Events", "Messages", "Administration"):
        expect(dashboard.panel(name)).to_be_visible()
    dashboard.page.wait_for_load_state("load")
    assert dashboard.errors == []
    assert dashboard.failures == []


def test_the_first_view_is_small_and_loads_nothing_from_elsewhere(dashboard: Dashboard) -> None:
    dashboard.open()
    expect(dashboard.page.get_by_label("Username")).to_be_visible()
    assert {response.url.startswith(dashboard.stack.base_url) for response in dashboard.responses} == {True}
    assert sum(len(response.body()) for response in dashboard.responses) < FIRST_VIEW_BYTES


def test_a_trailing_slash_changes_nothing(dashboard: Dashboard) -> None:
    dashboard.open("/")
    dashboard.sign_in()
    dashboard.expect_live()
    assert dashboard.failures == []


def test_the_keyboard_is_enough_to_sign_in(dashboard: Dashboard) -> None:
    dashboard.open()
    expect(dashboard.page.get_by_label("Username")).to_be_focused()
    dashboard.page.keyboard.type("daikiri")
    dashboard.page.keyboard.press("Tab")
    dashboard.page.keyboard.type(dashboard.stack.users["daikiri"])
    dashboard.page.keyboard.press("Enter")
    dashboard.expect_live()


def test_a_wrong_password_is_reported(dashboard: Dashboard) -> None:
    dashboard.open()
    dashboard.sign_in(password="not this one")
    expect(dashboard.page.get_by_text("Incorrect username or password.")).to_be_visible()
    assert dashboard.errors == []


def test_a_token_is_kept_in_memory_only_so_that_a_reload_signs_out(dashboard: Dashboard) -> None:
    dashboard.enter()
    assert dashboard.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    dashboard.page.reload()
    expect(dashboard.page.get_by_label("Username")).to_be_visible()


def test_an_expired_access_token_is_refreshed_unseen(dashboard: Dashboard) -> None:
    expired: list[str] = []

    def hand_out_an_expired_token(route: Route) -> None:
        answer = route.fetch()
        pair = answer.json()
        pair["access_token"] = expired_twin(dashboard.stack, pair["access_token"])
        expired.append(pair["access_token"])
        route.fulfill(response=answer, json=pair)

    dashboard.page.route("**/auth/login", hand_out_an_expired_token)
    dashboard.enter()
    expect(dashboard.panel("Detections")).to_be_visible()
    with Client(dashboard.stack.base_url) as client:
        client.carry(expired[0])
        assert client.get("/users/me").json()["msg"] == "Token has expired"
    refused = [response for response in dashboard.responses if response.status == 401]
    assert refused
    assert all(response.request.headers["authorization"] == f"Bearer {expired[0]}" for response in refused)
    refreshes = [response for response in dashboard.responses if response.url.endswith("/auth/refresh")]
    assert [response.status for response in refreshes] == [200]
    assert dashboard.errors == []


def expired_twin(stack: Stack, token: str) -> str:
    """The same token as if signed an hour ago."""
    secret = stack.client("secretsmanager").get_secret_value(SecretId=f"{stack.stack_name}/token-signing-key")
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    then = int(time.time()) - 3600
    header = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    key = keys.signing_key(secret["SecretString"])
    return jwt.encode({**claims, "iat": then, "exp": then + 1800}, key, algorithm="EdDSA", headers=header)


# --- alerts and detections ------------------------------------------------------------------------


def test_an_suv_on_the_stream_is_an_alert_without_a_reload(dashboard: Dashboard) -> None:
    dashboard.enter()
    model = put_suv(dashboard.stack)
    expect(dashboard.panel("Alerts").get_by_text(model)).to_be_visible(timeout=ALERT_MILLISECONDS)
    expect(dashboard.panel("Detections").get_by_text(model)).to_be_visible(timeout=ALERT_MILLISECONDS)


def test_a_lost_connection_is_shown_and_resumes_without_missing_alerts(dashboard: Dashboard) -> None:
    dashboard.enter()
    dashboard.page.context.set_offline(True)
    expect(dashboard.page.get_by_text("Reconnecting")).to_be_visible(timeout=ALERT_MILLISECONDS)
    model = put_suv(dashboard.stack)
    dashboard.page.context.set_offline(False)
    dashboard.expect_live()
    expect(dashboard.panel("Alerts").get_by_text(model)).to_have_count(1, timeout=ALERT_MILLISECONDS)


def test_more_detections_load_on_request(dashboard: Dashboard, stack: Stack) -> None:
    for _ in range(25):
        put_suv(stack)
    dashboard.enter()
    rows = dashboard.panel("Detections").locator("tbody tr")
    more = dashboard.panel("Detections").get_by_role("button", name="More detections")
    expect(more).to_be_visible(timeout=ALERT_MILLISECONDS)
    before = rows.count()
    more.click()
    expect(rows.nth(before)).to_be_visible()


# --- rooms ----------------------------------------------------------------------------------------


def test_a_posted_reading_moves_the_number(dashboard: Dashboard) -> None:
    needs_route("POST", "/api/webhook")
    sensor = f"Room {uuid.uuid4().hex[:8]}"
    dashboard.enter()
    rooms = dashboard.panel("Rooms")
    rooms.get_by_text("Post a reading").click()
    for came, left, inside in ((5, 1, "4"), (0, 3, "1")):
        rooms.get_by_label("Sensor").fill(sensor)
        rooms.get_by_label("In", exact=True).fill(str(came))
        rooms.get_by_label("Out", exact=True).fill(str(left))
        rooms.get_by_role("button", name="Post", exact=True).click()
        expect(rooms.locator(f'[data-sensor="{sensor}"]')).to_have_text(inside, timeout=ALERT_MILLISECONDS)
    expect(rooms.get_by_role("heading", name=sensor)).to_be_visible()
    expect(rooms.get_by_text("Now: 1 inside")).to_be_visible()
    rooms.get_by_label("Time of day").press("Home")
    expect(rooms.get_by_text("At 00:00: 0 inside")).to_be_visible()


# --- messages -------------------------------------------------------------------------------------


def test_a_message_is_delivered_and_a_notification_confirms_it(dashboard: Dashboard, user: Client) -> None:
    needs_route("POST", "/messages")
    dashboard.enter()
    messages = dashboard.panel("Messages")
    messages.get_by_label("Conversation with").select_option(label=user.username)
    messages.get_by_role("textbox", name="Text").fill("Please look at gate 4.")
    messages.get_by_role("button", name=f"Send to {user.username}").click()
    expect(messages.get_by_text("Delivered.")).to_be_visible(timeout=ALERT_MILLISECONDS)
    expect(messages.get_by_role("listitem").filter(has_text="Please look at gate 4.")).to_be_visible()
    expect(dashboard.panel("Notifications").get_by_text("Your message was delivered.").first).to_be_visible()


# --- administration -------------------------------------------------------------------------------


def test_an_admin_issues_an_api_token_that_is_shown_once_and_revokes_it(dashboard: Dashboard) -> None:
    dashboard.enter("admin")
    panel = dashboard.panel("Administration")
    name = f"camera {uuid.uuid4().hex[:8]}"
    panel.get_by_label("Name").fill(name)
    panel.get_by_label("events").uncheck()
    panel.get_by_label("readings").uncheck()
    panel.get_by_label("Only as this source").fill("gate/7")
    panel.get_by_role("button", name="Issue").click()
    expect(panel.get_by_text("source: ")).to_be_visible()  # the API's reason
    panel.get_by_label("Only as this source").fill("gate 7")
    panel.get_by_role("button", name="Issue").click()
    token = panel.get_by_label("API token").input_value()
    assert token.count(".") == 2
    panel.get_by_role("button", name="I have it").click()
    expect(panel.get_by_label("API token")).to_have_count(0)
    expect(panel.get_by_role("listitem").filter(has_text=name)).to_contain_text("sends detections as gate 7")
    panel.get_by_role("button", name=f"Revoke {name}").click()
    dialog = dashboard.page.get_by_role("dialog", name=f"Revoke {name}?")
    expect(dialog).to_contain_text("refused within 60 seconds")
    dialog.get_by_role("button", name="Revoke").click()
    expect(panel.get_by_text("is revoked.")).to_be_visible()
    expect(panel.get_by_role("listitem").filter(has_text=name)).to_have_count(0)
    revoked = dashboard.panel("Audit").get_by_role("listitem").filter(has_text="API token revoked")
    expect(revoked.first).to_contain_text("by admin")


def test_a_user_sees_no_administration(dashboard: Dashboard, user: Client) -> None:
    dashboard.enter(user.username, "secret")
    expect(dashboard.panel("Messages")).to_be_visible()
    expect(dashboard.panel("Administration")).to_have_count(0)
    assert dashboard.failures == []


# --- accessibility --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1920])
def test_it_fits_and_axe_finds_nothing_serious(browser: Browser, stack: Stack, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844 if width == 390 else 1080},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    dashboard = Dashboard(context.new_page(), stack)
    dashboard.open()
    serious = dashboard.barriers()
    dashboard.sign_in()
    dashboard.expect_live()
    model = put_suv(stack)
    expect(dashboard.panel("Alerts").get_by_text(model)).to_be_visible(timeout=ALERT_MILLISECONDS)
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    dashboard.page.screenshot(path=ARTEFACTS / f"dashboard-{width}-{scheme}.png", full_page=True)
    assert dashboard.page.evaluate("document.documentElement.scrollWidth") <= width
    serious += dashboard.barriers()
    context.close()
    assert serious == []
    if not AXE.exists():
        pytest.skip("No axe-core: `npm ci --prefix web` lets axe look too (the rest of this test has passed).")


def test_an_incident_is_acknowledged_and_closed(dashboard: Dashboard, stack: Stack) -> None:
    kind = f"forced-{uuid.uuid4().hex[:8]}"
    with Client(stack.base_url) as client:
        client.log_in("admin", stack.users["admin"])
        rule = {"name": kind, "on": "event", "match": {"event_type": [kind]}, "text": "{event_type} at {source}"}
        assert client.post("/rules", json=rule).status_code == 201

        def look() -> list[Any]:
            client.post("/api/event", json={"event_type": kind, "event_payload": "x", "source": "gate"})
            found: list[Any] = client.get("/incidents", params={"source": "gate", "state": "open"}).json()["incidents"]
            return [incident for incident in found if incident["rule"]["name"] == kind]

        [incident] = eventually(look)
    dashboard.enter()
    row = dashboard.panel("Incidents").locator("li").filter(has_text=f"{kind} at gate")
    row.get_by_role("button", name="Acknowledge").click()
    expect(row.get_by_text("acknowledged by")).to_be_visible()
    expect(row.get_by_role("button", name="Acknowledge")).to_have_count(0)
    row.get_by_role("button", name=f"Close incident {incident['number']}", exact=True).click()
    expect(row).to_have_count(0)
