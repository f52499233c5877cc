"""GET /notifications: list the caller's notifications, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from messages.model import NotificationView
from sitewatch import tables
from sitewatch.api import Api
from sitewatch.ids import UlidText
from sitewatch.jobs import NotificationRecord
from sitewatch.models import BaseModel
from sitewatch.paging import Limit, paged

app = Api(body_as_query=True)


class Notifications(BaseModel):
    """A page of notifications."""

    notifications: list[NotificationView]


@app.get("/notifications", summary="List my notifications, newest first", tags=["messages"])
def list_notifications(
    start: Annotated[
        UlidText | None, Query(description="The id of the last notification on the previous page.")
    ] = None,
    limit: Limit = 100,
) -> Response[Notifications]:
    """Outcomes of the caller's jobs, and messages received. Nobody, not even an admin, can read another user's.

    Codes: 10095 "New Message", 10096 "Message Received", 10099 "User Creation". The parameters may
    also come as a JSON object in the body.
    """
    before = NotificationRecord.id < start if start else None
    query = NotificationRecord.query(app.require_caller().subject, before, scan_index_forward=False, limit=limit + 1)
    found, end = tables.page(NotificationRecord, query, limit)
    notifications = tables.views(NotificationView.of, found)
    return paged(Notifications(notifications=notifications), {"start": end, "limit": limit} if end else None)


handler = app.resolve
