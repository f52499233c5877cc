"""Stored records of messages, and API models of messages, notifications and jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from pynamodb.attributes import UnicodeAttribute

from sitewatch import ids, settings
from sitewatch.clock import Timestamp
from sitewatch.ids import UlidText
from sitewatch.jobs import Kind, NotificationRecord
from sitewatch.models import BaseModel
from sitewatch.tables import JsonAttribute, Model, TableMeta

NEW_MESSAGE = Kind("new_message", "New Message", 10095)
MESSAGE_RECEIVED = Kind("message_received", "Message Received", 10096)

MAX_TEXT_LENGTH = 4096
MAX_URL_LENGTH = 2048
MAX_PIXELS = 2**31 - 1

Url = Annotated[
    str, Field(max_length=MAX_URL_LENGTH, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://", json_schema_extra={"format": "uri"})
]
Pixels = Annotated[int, Field(gt=0, le=MAX_PIXELS)]


class TextContent(BaseModel):
    """Text; its length is counted in Unicode code points."""

    type: Literal["text"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_LENGTH)]


class ImageContent(BaseModel):
    """A link to an image."""

    type: Literal["image"]
    url: Url
    width: Pixels
    height: Pixels


class VideoContent(BaseModel):
    """A link to a video."""

    type: Literal["video"]
    url: Url
    source: Literal["youtube", "vimeo"]


Content = Annotated[TextContent | ImageContent | VideoContent, Field(discriminator="type")]
_CONTENT: dict[str, type[TextContent | ImageContent | VideoContent]] = {
    "text": TextContent,
    "image": ImageContent,
    "video": VideoContent,
}


def stored_content(content: dict[str, Any]) -> TextContent | ImageContent | VideoContent:
    """Return stored content for clients. It was valid when it was stored, so today's rules do not apply to it."""
    return _CONTENT[content["type"]].model_construct(**content)


class NewMessage(BaseModel):
    """A message to deliver."""

    sender_id: UlidText
    recipient_id: UlidText
    content: Content


class MessageRecord(Model):
    """A message. The keys are its direction (sender and recipient) and its id, which sorts by time of posting.

    One direction is one partition, which accepts 1,000 writes per second, more than anyone sends.
    """

    class Meta(TableMeta):
        table_name = settings.text("MESSAGES_TABLE")

    direction = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    sender = UnicodeAttribute()
    recipient = UnicodeAttribute()
    content = JsonAttribute()


def direction(sender_id: str, recipient_id: str) -> str:
    """The partition key of messages from ``sender_id`` to ``recipient_id``."""
    return f"{sender_id}>{recipient_id}"


def posted_at(message_id: str) -> datetime:
    """When the message was posted: its id is the id of the job created then."""
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
            content=stored_content(record.content),
        )


class NotificationView(BaseModel):
    """A notification as its recipient sees it.

    ``message`` is ``{"code", "subcode", "error"}`` if ``is_error``, otherwise the outcome of the job.
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
    """An unfinished job."""

    job_id: str
    status: Literal["pending"]


class FinishedJob(BaseModel):
    """A finished job and its outcome."""

    job_id: str
    status: Literal["done", "failed"]
    notification: NotificationView
