"""GET /stats: count detections."""

from typing import Literal

from aws_lambda_powertools.event_handler import Response

from detections.counts import totals
from sitewatch.api import Api
from sitewatch.paging import Start, decode_cursor, encode_cursor, page_of, paged

_MAX_TOTALS = 5000

app = Api()


@app.get("/stats", summary="Count detections", tags=["detections"])
def get_stats(by: Literal["make", "category", "year"] = "make", start: Start = None) -> Response[dict[str, int]]:
    """Detections by make, category or year, with sorted keys. Reads sums: its cost does not grow with their number.

    Letter case and Unicode form make no difference; a name is shown in the spelling that came first. A response has
    up to 5,000 names, and a link to more.
    """
    found, has_more = page_of(totals(by, after=decode_cursor(start) if start else None), _MAX_TOTALS)
    next_page = {"by": by, "start": encode_cursor(found[-1].value)} if has_more else None
    return paged({count.spelling or count.value: int(count.total) for count in found}, next_page)


handler = app.resolve
