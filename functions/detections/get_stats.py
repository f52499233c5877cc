"""GET /stats: how many vehicles there were."""

from typing import Literal

from detections.counting import totals
from sitewatch.api import Api

app = Api()


@app.get("/stats", summary="Count detections", tags=["detections"])
def get_stats(by: Literal["make", "category", "year"] = "make") -> dict[str, int]:
    """Detections by make, category or year, keys in order. Reads the sums: it costs the same however many there are."""
    return dict(totals(by))


handler = app.resolve
