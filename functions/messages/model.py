"""What is stored of a message, and what is said of messages, notifications and jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from sitewatch import ids, settings
from sitewatch.clock import Timestamp
from sitewatch.ids import UlidText
from sitewatch.jobs import Kind, NotificationRecord
from sitewatch.tables import JsonAttribute, TableMeta

NEW_MESSAGE = Kind("new_message", "New Message", 10095)
MESSAGE_RECEIVED = Kind("message_received", "Message Received", 10096)

LONGEST_TEXT = 4096
LONGEST_URL = 2048
MOST_PIXELS = 2**31 - 1

Url = Annotated[str, Field(max_length=LONGEST_URL, pattern=r"^https?://", json_schema_extra={"format": "uri"})]
Pixels = Annotated[int, Field(gt=0, le=MOST_PIXELS)]


class TextContent(BaseModel):
    """A text; its length is counted in Unicode code points."""

    type: Literal["text"]
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class ImageContent(BaseModel):
    """An image elsewhere."""

    type: Literal["image"]
    url: Url
    width: Pixels
    height: Pixels


class VideoContent(BaseModel):
    """A video elsewhere."""

    type: Literal["video"]
    url: Url
    source: Literal["youtube", "vimeo"]


Content = Annotated[TextContent | ImageContent | VideoContent, Field(discriminator="type")]


class NewMessage(BaseModel):
    """A message to deliver."""

    sender_id: UlidText
    recipient_id: UlidText
    content: Content


class MessageRecord(Model):
    """A message, under who wrote to whom and its id, which sorts by the time it was posted.

    What one writes to another is one partition: it takes 1,000 a second, more than anybody writes.
    """

    class Meta(TableMeta):
        table_name = settings.text("MESSAGES_TABLE")

    direction = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    sender = UnicodeAttribute()
    recipient = UnicodeAttribute()
    content = JsonAttribute()


def direction(sender_id: str, recipient_id: str) -> str:
    """The partition of what ``sender_id`` wrote to ``recipient_id``."""
    return f"{sender_id}>{recipient_id}"


def posted_at(message_id: str) -> datetime:
    """When the message was posted: its id is that of the job that was made then."""
    return ids.time_of(message_id)


class MessageView(BaseModel):
    """A message as clients see it; ``timestamp`` is when it was posted."""

    id: str
    sender: str
    recipient: str
    timestamp: Timestamp
    content: Content

    @classmethod
    def of(cls, record: MessageRecord) -> "MessageView":
        return cls(
            id=record.id,
            sender=record.sender,
            recipient=record.recipient,
            timestamp=posted_at(record.id),
            content=record.content,
        )


class NotificationView(BaseModel):
    """A notification as its recipient sees it.

    ``message`` is ``{"code", "subcode", "error"}`` where ``is_error``, else what came of the job.
    """

    id: str
    job_id: str
    message: dict[str, Any]
    is_error: bool
    code: int
    title: str
    timestamp: Timestamp

    @classmethod
    def of(cls, record: NotificationRecord) -> "NotificationView":
        return cls(
            id=record.id,
            job_id=record.job_id,
            message=record.message,
            is_error=record.is_error,
            code=int(record.code),
            title=record.title,
            timestamp=ids.time_of(record.id),
        )


class PendingJob(BaseModel):
    """A job that no worker has finished."""

    job_id: str
    status: Literal["pending"]


class FinishedJob(BaseModel):
    """A job and what came of it."""

    job_id: str
    status: Literal["done", "failed"]
    notification: NotificationView
