"""POST /detections: what a camera saw, from a machine that has no AWS credentials."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, Field

from detections import stream
from detections.model import ReportedDetection
from sitewatch.api import MACHINES_AND_ADMINS, Api
from sitewatch.idempotency import once

_MOST_BODY_BYTES = 512 * 1024
_MOST_DETECTIONS = 500

app = Api(access=MACHINES_AND_ADMINS, most_body_bytes=_MOST_BODY_BYTES)


class Accepted(BaseModel):
    """How many detections were put on the stream."""

    accepted: int


@app.post("/detections", status_code=202, summary="Report detections", tags=["detections"])
def report_detections(
    reported: Annotated[
        ReportedDetection | Annotated[list[ReportedDetection], Field(min_length=1, max_length=_MOST_DETECTIONS)],
        Body(),
    ],
) -> Accepted:
    """One detection, or a list of up to 500. Where any is invalid, the answer names its index and nothing is put."""
    reports = reported if isinstance(reported, list) else [reported]

    def put() -> dict[str, Any]:
        stream.put([report.model_dump(mode="json", exclude_none=True) for report in reports])
        return {"accepted": len(reports)}

    return Accepted(**once(app, put))


handler = app.resolve
