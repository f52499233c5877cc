"""How fast the dashboard's first view loads, and how many bytes it takes.

``make bench-dashboard`` prints a table. It starts its own system and opens the page in a headless Chromium, each time
with an empty cache. The first opening, which starts the functions, is reported separately.
"""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Response, sync_playwright
from rich.console import Console
from rich.table import Table

from runner.local.system import running_stack
from tests.browser.chromium import SWITCHES, find_chromium

_OPENINGS = 11
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def first_view(browser: Browser, url: str) -> tuple[float, float, int]:
    """Return milliseconds to the first contentful paint and to the sign-in form, and the bytes of all bodies."""
    responses: list[Response] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108 - Playwright needs a Python function
    page.goto(url)
    page.get_by_label("Username").wait_for()
    ready = page.evaluate("performance.now()")
    view = page.evaluate(_PAINTED), ready, sum(len(response.body()) for response in responses)
    context.close()
    return view


def main() -> None:
    """Measure and print."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("No Chromium: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder)) as stack,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=SWITCHES) as browser,
    ):
        show([first_view(browser, stack.base_url) for _ in range(_OPENINGS)])


def show(views: Sequence[tuple[float, float, int]]) -> None:
    """Print the table."""
    table = Table("the dashboard's first view", "first, cold functions", "median of the others", title="The dashboard")
    (cold_paint, cold_ready, size), *warm = views
    table.add_row("first contentful paint", f"{cold_paint:.0f} ms", f"{statistics.median(v[0] for v in warm):.0f} ms")
    table.add_row("ready to sign in", f"{cold_ready:.0f} ms", f"{statistics.median(v[1] for v in warm):.0f} ms")
    table.add_row("bytes", f"{size / 1000:.0f} KB", f"{warm[0][2] / 1000:.0f} KB")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
