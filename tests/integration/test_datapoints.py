"""Data points are fetched from the simulated source over real HTTP, and users see the valid ones."""

from datetime import datetime

import pytest

from tests.integration.client import Client

pytestmark = pytest.mark.conformance


def populated(admin: Client, wanted: int) -> list[dict[str, object]]:
    """Fetch ``wanted`` points. The source sometimes fails in between, as sources do."""
    points: list[dict[str, object]] = []
    for _ in range(10 * wanted):
        answer = admin.post("/api/populate") if len(points) % 2 else admin.get("/api/populate")
        if answer.status_code == 200:
            points.append(answer.json())
        else:
            assert (answer.status_code, answer.json()["subcode"]) == (502, 5020)
            assert "Traceback" not in answer.text
        if len(points) == wanted:
            return points
    raise AssertionError(f"the source gave {len(points)} points of {wanted}")


def test_fetched_points_are_listed_oldest_first_all_for_admins_and_valid_ones_for_users(
    admin: Client, user: Client
) -> None:
    points = populated(admin, 12)
    # Only points fetched now, or as old as the source's old ones: the system may have earlier ones.
    ours = {"start": min(str(point["time"]) for point in points), "end": max(str(point["time"]) for point in points)}
    everything = [point for page in admin.pages("/api/data", limit=7, **ours) for point in page]
    assert all(point in everything for point in points)
    times = [datetime.fromisoformat(point["time"]) for point in everything]
    assert times == sorted(times)
    seen = [point for page in user.pages("/api/data", limit=5, **ours) for point in page]
    assert seen == [point for point in everything if point["valid"]]
    assert user.get("/api/data", params={**ours, "skip": len(seen) - 1}).json() == seen[-1:]


def test_only_admins_may_fetch(user: Client, anyone: Client) -> None:
    assert user.post("/api/populate").status_code == 403
    assert anyone.get("/api/data").status_code == 401


def test_a_bad_cursor_is_a_400_that_names_it(user: Client) -> None:
    answer = user.get("/api/data", params={"cursor": "x"})
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, "cursor")
