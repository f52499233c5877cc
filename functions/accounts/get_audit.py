"""GET /audit: list the audit log, newest first."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from sitewatch import audit
from sitewatch.api import ADMINS, Api
from sitewatch.audit import Action, AuditRecord
from sitewatch.clock import Timestamp
from sitewatch.ids import UlidText
from sitewatch.models import BaseModel
from sitewatch.paging import Limit, paged
from sitewatch.tables import views

app = Api(access=ADMINS)


class Entry(BaseModel):
    """An entry of the audit log."""

    id: str
    at: Timestamp
    actor: str | None = Field(description="A user's id, `deployment` or `operator`; null if nobody was logged in.")
    action: str
    subject: str | None = Field(description="The user, API token, event or rule it was done to; null if there is none.")
    address: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, record: AuditRecord) -> "Entry":
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class Entries(BaseModel):
    """A page of the audit log."""

    entries: list[Entry]


@app.get("/audit", summary="List the audit log, newest first", tags=["accounts"])
def list_audit(
    start: UlidText | None = None,
    limit: Limit = 100,
    subject: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    action: Action | None = None,
) -> Response[Entries]:
    """Who did what to whom, kept for 400 days. ``start`` is the id of the last entry on the previous page."""
    found, end = audit.newest_first(subject, action, start, limit)
    link = {"start": end, "limit": limit, "subject": subject, "action": action} if end else None
    return paged(Entries(entries=views(Entry.of, found)), link)


handler = app.resolve
