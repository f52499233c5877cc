"""GET /: the dashboard, a page for whoever watches the site."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header

from portal import built
from sitewatch.api import PUBLIC, Api

app = Api(access=PUBLIC)

_INLINE = built.manifest()["inline"]
_HEADERS = {
    # Nothing of another host, and no inline code but what the page was built with.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' '{_INLINE['script']}'",
            f"style-src 'self' '{_INLINE['style']}'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Referrer-Policy": "no-referrer",
}


@app.get("/", summary="Open the dashboard", tags=["portal"])
def get_dashboard(if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None) -> Response[str]:
    """``text/html``: alerts as they come, detections, rooms, data points, events and messages."""
    return built.answer(built.PAGE, if_none_match=if_none_match, cache_control=built.ASK_AGAIN, headers=_HEADERS)


handler = app.resolve
