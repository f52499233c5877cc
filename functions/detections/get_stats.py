"""GET /stats: count detections."""

from typing import Literal

from aws_lambda_powertools.event_handler import Response

from detections.counts import totals
from sitewatch.api import Api
from sitewatch.paging import Start, decode_cursor, encode_cursor, paged

app = Api()


@app.get("/stats", summary="Count detections", tags=["detections"])
def get_stats(by: Literal["make", "category", "year"] = "make", start: Start = None) -> Response[dict[str, int]]:
    """Detections by make, category or year, with sorted keys. Reads sums: its cost does not grow with their number.

    Letter case and Unicode form make no difference; a name is shown in the spelling that came first. A response has
    up to 5,000 keys, and a link to more.
    """
    found, end = totals(by, after=decode_cursor(start) if start else None)
    return paged(found, {"by": by, "start": encode_cursor(end)} if end else None)


handler = app.resolve
