"""POST /detections: report detections, for machines without AWS credentials."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BeforeValidator, Field

from detections import stream
from detections.report import ReportedDetection
from detections.sources import with_source
from sitewatch.api import MACHINES_AND_ADMINS, Api
from sitewatch.callers import Scope
from sitewatch.idempotency import once
from sitewatch.models import BaseModel, RootModel

_MAX_DETECTIONS = 500

app = Api(accepts_list=True, access=MACHINES_AND_ADMINS.for_scope(Scope.DETECTIONS), max_body_bytes=512 * 1024)


def _as_list(body: object) -> object:
    return body if isinstance(body, list) else [body]


_Several = Annotated[list[ReportedDetection], Field(min_length=1, max_length=_MAX_DETECTIONS)]


class Reports(
    RootModel[
        Annotated[
            _Several,
            BeforeValidator(_as_list, json_schema_input_type=ReportedDetection | _Several),
        ]
    ]
):
    """One report, or a list of them.

    A root model, because the resolver passes on only the first entry of any other annotated list.
    """


class Accepted(BaseModel):
    """How many detections were accepted."""

    accepted: int


@app.post("/detections", status_code=202, summary="Report detections", tags=["detections"])
def report_detections(reports: Annotated[Reports, Body()]) -> Accepted:
    """One detection, or a list of up to 500. If one is invalid, the error names its index and nothing is accepted."""
    caller = app.require_caller()

    def put() -> dict[str, Any]:
        stream.put([with_source(report, caller) for report in reports.root])
        return {"accepted": len(reports.root)}

    return Accepted(**once(app, put))


handler = app.resolve
