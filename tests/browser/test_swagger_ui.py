"""Swagger UI in a real browser, on the deployed system: a person signs in there and calls the API."""

from playwright.sync_api import expect

from tests.browser.conftest import Dashboard


def test_a_person_authorizes_with_a_password_and_tries_a_route(dashboard: Dashboard) -> None:
    page = dashboard.page
    page.goto(dashboard.stack.base_url + "/docs")
    page.get_by_role("button", name="Authorize").click()
    form = page.locator(".auth-container").filter(has_text="password").first
    form.get_by_label("username").fill("daikiri")
    form.get_by_label("password").fill(dashboard.stack.users["daikiri"])
    form.get_by_role("button", name="Apply given OAuth2 credentials").click()
    expect(form.get_by_role("heading", name="Authorized")).to_be_visible()
    form.get_by_role("button", name="Close").click()

    route = page.locator(".opblock").filter(has_text="/users/me")
    route.get_by_role("button").first.click()
    route.get_by_role("button", name="Execute").click()

    answer = route.locator(".live-responses-table .response").first
    expect(answer).to_contain_text("200")
    expect(answer).to_contain_text('"username": "daikiri"')
    assert {response.url.startswith(dashboard.stack.base_url) for response in dashboard.responses} == {True}
    assert dashboard.errors == []
