"""GET /stats: count detections."""

from typing import Literal

from detections.counts import totals
from sitewatch.api import Api

app = Api()


@app.get("/stats", summary="Count detections", tags=["detections"])
def get_stats(by: Literal["make", "category", "year"] = "make") -> dict[str, int]:
    """Detections by make, category or year, with sorted keys. Reads sums: its cost does not grow with their number."""
    return dict(totals(by))


handler = app.resolve
