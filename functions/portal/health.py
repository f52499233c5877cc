"""Check that the AWS services the system depends on respond."""

import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sitewatch import aws, settings
from sitewatch.errors import DATABASE_NOT_HEALTHY, QUEUES_NOT_HEALTHY, ApiError, ErrorCode
from sitewatch.observability import logger

# The check is public, so its result is cached to limit the calls to the services.
_CACHE_SECONDS = 2.0

_checked_at = float("-inf")
_failure: ErrorCode | None = None


def check() -> None:
    """Check the database, the stream and the queues.

    Raises
    ------
    ApiError
        503: 5001 if the database does not respond, 5002 if the stream or a queue does not.

    """
    global _checked_at, _failure  # noqa: PLW0603 - cached between requests
    if time.monotonic() - _checked_at >= _CACHE_SECONDS:
        _failure = _first_failure()
        _checked_at = time.monotonic()
    if _failure is not None:
        raise ApiError(_failure)


def _first_failure() -> ErrorCode | None:
    for code, check_service in (
        (DATABASE_NOT_HEALTHY, _check_database),
        (QUEUES_NOT_HEALTHY, _check_stream),
        (QUEUES_NOT_HEALTHY, _check_queue),
    ):
        try:
            check_service()
        except (BotoCoreError, ClientError) as error:
            logger.error("not healthy", subcode=code.subcode, reason=type(error).__name__)
            return code
    return None


def _client(service: str) -> Any:
    # Fail fast: no retries and a short timeout.
    return aws.client(service, attempts=1, read_timeout=2)


def _check_database() -> object:
    return _client("dynamodb").get_item(TableName=settings.text("USERS_TABLE"), Key={"key": {"S": "health"}})


def _check_stream() -> object:
    return _client("kinesis").describe_stream_summary(StreamName=settings.text("DETECTIONS_STREAM"))


def _check_queue() -> object:
    return _client("sqs").get_queue_attributes(QueueUrl=settings.text("ALERTS_QUEUE_URL"), AttributeNames=["QueueArn"])
