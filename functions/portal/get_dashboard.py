"""GET /: the dashboard, a web page for watching the site."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header

from portal import bundle, files
from sitewatch.api import PUBLIC, Api

app = Api(ignores_query=True, access=PUBLIC)

_INLINE = bundle.manifest()["inline"]
_HEADERS = {
    # Load nothing from other hosts, and run only the inline code built into the page.
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


@app.route(
    "/",
    method=["GET", "HEAD"],
    summary="Open the dashboard",
    tags=["portal"],
    responses=files.responses("text/html"),
)
def get_dashboard(if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None) -> Response[str]:
    """``text/html``: live alerts, detections, rooms, data points, events and messages."""
    return bundle.respond(bundle.PAGE, if_none_match=if_none_match, cache_control=bundle.REVALIDATE, headers=_HEADERS)


handler = app.resolve
