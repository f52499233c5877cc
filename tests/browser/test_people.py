"""Accounts in the dashboard, in a real browser: two people at once, on the deployed system."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from runner.stack import Stack
from tests.browser.conftest import Dashboard
from tests.integration.client import Client

SIGNED_OUT_MILLISECONDS = 60_000


@pytest.fixture
def colleague(browser: Browser, stack: Stack) -> Iterator[Dashboard]:
    """The page of a second person, in another browser profile."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield Dashboard(context.new_page(), stack)
    context.close()


def choose(dashboard: Dashboard, item: str) -> None:
    """Choose an item of the account menu."""
    dashboard.page.locator("summary").filter(has=dashboard.page.locator(".who-name")).click()
    dashboard.page.get_by_role("button", name=item, exact=True).click()


def find_person(dashboard: Dashboard, username: str) -> Locator:
    """The person's row in the list, opened."""
    people = dashboard.panel("People")
    people.get_by_label("Find").fill(username)
    row = people.get_by_role("listitem").filter(has_text=username)
    expect(row).to_have_count(1)
    if row.locator("details[open]").count() == 0:
        row.locator("summary").click()
    return row


def ask(dashboard: Dashboard, username: str, act: str) -> Locator:
    """Press the button of an act. Return the dialog, which says what the act will do."""
    find_person(dashboard, username).get_by_role("button", name=f"{act}: {username}").click()
    dialog = dashboard.page.get_by_role("dialog", name=f"{act}: {username}")
    expect(dialog).to_contain_text(username)
    return dialog


def act(dashboard: Dashboard, username: str, name: str) -> None:
    dialog = ask(dashboard, username, name)
    dialog.get_by_role("button", name=name, exact=True).click()
    expect(dialog).to_have_count(0)


def change_password(dashboard: Dashboard, current: str, new: str, again: str) -> Locator:
    page = dashboard.page
    dialog = page.get_by_role("dialog", name="Change password")
    dialog.get_by_label("Current password").fill(current)
    dialog.get_by_label("New password", exact=True).fill(new)
    dialog.get_by_label("New password again").fill(again)
    dialog.get_by_role("button", name="Change password").click()
    return dialog


def expect_sign_in(page: Page, notice: str) -> None:
    expect(page.get_by_role("status").filter(has_text=notice)).to_be_visible(timeout=SIGNED_OUT_MILLISECONDS)
    expect(page.get_by_label("Username")).to_be_focused()


def test_an_admin_manages_a_colleague_whose_open_pages_obey(dashboard: Dashboard, colleague: Dashboard) -> None:
    name = f"mara-{uuid.uuid4().hex[:8]}"
    dashboard.enter("admin")
    people = dashboard.panel("People")

    people.get_by_text("Create a user").click()
    people.get_by_label("Username").fill("admin")
    people.get_by_label("Password", exact=True).fill("secret")
    people.get_by_role("button", name="Create", exact=True).click()
    expect(people.get_by_text("This username is taken.")).to_be_visible(timeout=30_000)
    people.get_by_label("Username").fill(name)
    people.get_by_role("button", name="Create", exact=True).click()
    expect(people.get_by_text(f"{name} can sign in.")).to_be_visible(timeout=30_000)

    colleague.enter(name, "secret")
    expect(colleague.panel("People")).to_have_count(0)
    act(dashboard, name, "Make admin")
    expect(colleague.panel("People")).to_be_visible(timeout=30_000)  # without a reload
    act(dashboard, name, "Make user")

    act(dashboard, name, "Disable")
    expect(find_person(dashboard, name)).to_contain_text("disabled")
    act(dashboard, name, "Reset password")
    issued = dashboard.page.get_by_role("dialog", name=f"Reset token of {name}")
    link = issued.get_by_label("Link").input_value()
    assert issued.get_by_role("textbox", name="Reset token").input_value() in link
    issued.get_by_role("button", name="I have it").click()
    expect(issued).to_have_count(0)

    audit = dashboard.panel("Audit")
    audit.get_by_label("About").fill(name)
    audit.get_by_label("About").press("Enter")
    entries = audit.get_by_role("listitem")
    for entry in ("role: admin", "role: user", "disabled: true", "Reset token issued"):
        expect(entries.filter(has_text=entry).filter(has_text=name).first).to_be_visible()
    expect(entries.filter(has_text="User changed").first).to_contain_text("by admin")
    audit.get_by_label("Action").select_option(label="User created")
    expect(entries).to_have_count(1)

    expect_sign_in(colleague.page, "your account was disabled")
    colleague.sign_in(name, "secret")
    expect(colleague.page.get_by_text("Incorrect username or password.")).to_be_visible()
    act(dashboard, name, "Enable")

    colleague.page.goto(link)
    expect(colleague.page.get_by_role("heading", name="Set a new password")).to_be_visible()
    assert "#" not in colleague.page.url
    assert colleague.barriers() == []
    for password, again, outcome in (
        ("new secret", "other secret", "The two new passwords differ."),
        ("abc", "abc", "new_password: "),
        ("new secret", "new secret", "The new password is set."),
    ):
        colleague.page.get_by_label("New password", exact=True).fill(password)
        colleague.page.get_by_label("New password again").fill(again)
        colleague.page.get_by_role("button", name="Set the password").click()
        expect(colleague.page.get_by_role("status").filter(has_text=outcome)).to_be_visible()
    colleague.sign_in(name, "new secret")
    colleague.expect_live()

    act(dashboard, name, "Delete")
    expect(people.get_by_text("Nobody is called that.")).to_be_visible()
    expect(people.get_by_label("Find")).to_be_focused()  # the button that opened the dialog is gone
    assert (dashboard.errors, colleague.errors) == ([], [])


def test_the_last_admin_reads_why_it_must_stay(dashboard: Dashboard) -> None:
    """The conflict is the site's answer, not the page's: another admin may be demoted meanwhile."""
    dashboard.enter("admin")
    conflict = {"code": 409, "subcode": 4090, "error": "Conflict", "detail": "this is the last enabled administrator"}

    def refuse_changes(route: Route) -> None:
        if route.request.method == "PATCH":
            route.fulfill(status=409, json=conflict)
        else:
            route.fallback()

    dashboard.page.route("**/users/*", refuse_changes)
    dialog = ask(dashboard, "daikiri", "Disable")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert dashboard.barriers() == []
    dialog.get_by_role("button", name="Disable", exact=True).click()
    expect(dialog.get_by_text("This is the last enabled administrator.")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(dashboard.page.get_by_role("button", name="Disable: daikiri")).to_be_focused()


def test_a_user_changes_the_password_by_keyboard_and_logs_out_everywhere(dashboard: Dashboard, user: Client) -> None:
    dashboard.enter(user.username, "secret")
    menu = dashboard.page.locator("summary").filter(has_text=user.username)
    menu.press("Enter")
    menu.press("Escape")
    expect(dashboard.page.get_by_role("button", name="Change password")).to_be_hidden()
    menu.press("Enter")
    menu.press("Tab")
    dashboard.page.keyboard.press("Enter")
    expect(dashboard.page.get_by_label("Current password")).to_be_focused()
    dialog = change_password(dashboard, "wrong", "new secret", "new secret")
    expect(dialog.get_by_text("Incorrect password.")).to_be_visible()
    puts = [one for one in dashboard.responses if one.request.method == "PUT"]
    assert [one.status for one in puts] == [401]  # a second attempt would be a second guess
    change_password(dashboard, "secret", "new secret", "new secret")
    expect(dialog.get_by_text("Your password is changed.")).to_be_visible()
    assert user.post("/auth/logout", json={}).status_code == 401  # this route checks the session at every call
    dashboard.page.keyboard.press("Escape")
    expect(menu).to_be_focused()

    choose(dashboard, "Log out")
    expect_sign_in(dashboard.page, "You are logged out.")
    dashboard.sign_in(user.username, "new secret")
    dashboard.expect_live()
    user.log_in(user.username, "new secret")
    choose(dashboard, "Log out everywhere")
    dialog = dashboard.page.get_by_role("dialog", name="Log out everywhere?")
    dialog.get_by_role("button", name="Log out everywhere").click()
    expect_sign_in(dashboard.page, "You are logged out everywhere.")
    assert user.post("/auth/logout", json={}).status_code == 401
    assert dashboard.errors == []
