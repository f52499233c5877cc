"""Ask the services that everything here stands on whether they answer."""

import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sitewatch import aws, settings
from sitewatch.errors import DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY, ApiError, ErrorCode
from sitewatch.observability import logger

# A check is public: however often it is called, the services are asked this often at most.
_REMEMBER_SECONDS = 2.0

_checked_at = float("-inf")
_failure: ErrorCode | None = None


def check() -> None:
    """Return where the database, the stream and the queues answer.

    Raises
    ------
    ApiError
        503: 5001 where the database does not answer, 5002 where the stream or a queue does not.

    """
    global _checked_at, _failure  # noqa: PLW0603 - what an instance remembers between requests
    if time.monotonic() - _checked_at >= _REMEMBER_SECONDS:
        _failure = _first_failure()
        _checked_at = time.monotonic()
    if _failure is not None:
        raise ApiError(_failure)


def _first_failure() -> ErrorCode | None:
    for code, ask in (
        (DATABASE_NOT_HEALTHY, _ask_database),
        (QUEUES_NOT_HEALTHY, _ask_stream),
        (QUEUES_NOT_HEALTHY, _ask_queue),
    ):
        try:
            ask()
        except (BotoCoreError, ClientError) as error:
            logger.error("not healthy", subcode=code.subcode, reason=type(error).__name__)
            return code
    return None


def _client(service: str) -> Any:
    # A check is asked often and answered at once: no retry, and no long wait.
    return aws.client(service, attempts=1, read_timeout=2)


def _ask_database() -> object:
    return _client("dynamodb").get_item(TableName=settings.text("USERS_TABLE"), Key={"key": {"S": "health"}})


def _ask_stream() -> object:
    return _client("kinesis").describe_stream_summary(StreamName=settings.text("DETECTIONS_STREAM"))


def _ask_queue() -> object:
    return _client("sqs").get_queue_attributes(QueueUrl=settings.text("ALERTS_QUEUE_URL"), AttributeNames=["QueueArn"])
