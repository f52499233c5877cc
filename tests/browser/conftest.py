"""A real browser on a separately deployed system."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Response, expect, sync_playwright

from runner.stack import Stack
from tests.browser.chromium import SWITCHES, find_chromium
from tests.integration.client import Client
from tests.world.template import ROOT, routes

expect.set_options(timeout=15_000)  # a function's first call on a busy machine
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
ARTEFACTS = ROOT / "artefacts" / "browser"
"""Screenshots of the last run."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    found = find_chromium()
    if found is None:
        pytest.skip("No Chromium: `apt-get install chromium` (or CHROMIUM=/path/to/one) lets the browser tests run.")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for the run; each test has its own profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield browser
        browser.close()


class Dashboard:
    """The page as a person uses it, and a record of its requests and console messages."""

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.stack = stack
        self.errors: list[str] = []
        self.responses: list[Response] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        # Failed requests are judged by their response: see ``failures``.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    def _see(self, response: Response) -> None:
        self.responses.append(response)

    @property
    def failures(self) -> list[tuple[int, str]]:
        """The failed requests, without those to routes that are not deployed."""
        return [
            (response.status, self._path(response))
            for response in self.responses
            if response.status >= 400 and not (response.status == 404 and is_missing(self._path(response)))
        ]

    def _path(self, response: Response) -> str:
        return urlsplit(response.url).path.removeprefix(urlsplit(self.stack.base_url).path)

    def open(self, ending: str = "") -> None:
        self.page.goto(self.stack.base_url + ending)
        expect(self.page.get_by_role("heading", name="Sitewatch")).to_be_visible()

    def sign_in(self, username: str = "daikiri", password: str | None = None) -> None:
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(self.stack.users[username] if password is None else password)
        self.page.get_by_role("button", name="Sign in").click()

    def enter(self, username: str = "daikiri", password: str | None = None) -> None:
        """Open the page, sign in, and wait until alerts are live."""
        self.open()
        self.sign_in(username, password)
        self.expect_live()

    def expect_live(self) -> None:
        expect(self.page.get_by_role("status").filter(has_text="Live")).to_be_visible(timeout=30_000)

    def panel(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name, exact=True)

    def barriers(self) -> list[str]:
        """axe-core's findings with a serious or critical impact; none if it is not installed."""
        if not AXE.exists():
            return []
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run()")["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def is_missing(path: str) -> bool:
    """Whether no route in the template starts like ``path``."""
    begin = [part for part in path.split("/") if part][:2]
    return not any([part for part in route.split("/") if part][: len(begin)] == begin for _, route in routes())


def needs_route(method: str, path: str) -> None:
    """Skip the test if the route is not part of this system."""
    if (method, path) not in routes():
        pytest.skip(f"{method} {path} is not deployed")


@pytest.fixture
def dashboard(browser: Browser, stack: Stack) -> Iterator[Dashboard]:
    """The page, not opened yet."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield Dashboard(context.new_page(), stack)
    context.close()


@pytest.fixture
def user(stack: Stack) -> Iterator[Client]:
    """A user who has just signed up; the password is "secret"."""
    with Client(stack.base_url) as client:
        client.sign_up()
        yield client
