"""GET /messages: list the messages from one user to another, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from messages.model import MessageRecord, MessageView, direction
from sitewatch import directory, tables
from sitewatch.api import Api
from sitewatch.callers import Role
from sitewatch.errors import NOT_FOUND, ApiError
from sitewatch.ids import UlidText
from sitewatch.models import BaseModel
from sitewatch.paging import Limit, paged

app = Api(body_as_query=True, errors=[NOT_FOUND])


class Messages(BaseModel):
    """A page of messages."""

    messages: list[MessageView]


@app.get("/messages", summary="List messages, newest first", tags=["messages"])
def list_messages(
    sender_id: Annotated[UlidText, Query(description="The sender.")],
    recipient_id: Annotated[UlidText, Query(description="The recipient.")],
    start: Annotated[UlidText | None, Query(description="The id of the last message on the previous page.")] = None,
    limit: Limit = 100,
) -> Response[Messages]:
    """Messages from ``sender_id`` to ``recipient_id``; swap the two for the other direction of a conversation.

    Users can read conversations that they take part in, admins can read all. Conversations of other users,
    or of users who do not exist, are a 404. The parameters may also come as a JSON object in the body.

    A page of very long messages may hold fewer than ``limit`` and still link to a next page.
    """
    caller = app.require_caller()
    if caller.role is not Role.ADMIN and caller.subject not in (sender_id, recipient_id):
        raise ApiError(NOT_FOUND)
    before = MessageRecord.id < start if start else None
    query = MessageRecord.query(direction(sender_id, recipient_id), before, scan_index_forward=False, limit=limit + 1)
    found, end = tables.page(MessageRecord, query, limit)
    if not found and directory.existing_ids({sender_id, recipient_id}) != {sender_id, recipient_id}:
        raise ApiError(NOT_FOUND)
    next_page: dict[str, object] | None = (
        {"sender_id": sender_id, "recipient_id": recipient_id, "start": end, "limit": limit} if end else None
    )
    return paged(Messages(messages=tables.views(MessageView.of, found)), next_page)


handler = app.resolve
