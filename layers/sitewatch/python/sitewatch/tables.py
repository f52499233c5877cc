"""What every PynamoDB model shares. Tables themselves are defined in template.yaml only."""

import os
from datetime import datetime
from functools import cache
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError

from sitewatch import clock


class TableMeta:
    """The base of every model's ``Meta``: where the table is, and how long to wait for it."""

    region = os.environ.get("AWS_REGION", "us-east-1")
    connect_timeout_seconds = 2
    read_timeout_seconds = 5
    max_retry_attempts = 8


@cache
def connection() -> Connection:
    """The connection that transactions are written over."""
    return Connection(
        region=TableMeta.region,
        connect_timeout_seconds=TableMeta.connect_timeout_seconds,
        read_timeout_seconds=TableMeta.read_timeout_seconds,
        max_retry_attempts=TableMeta.max_retry_attempts,
    )


class TimeAttribute(UnicodeAttribute):
    """An aware UTC ``datetime``, stored in a fixed width so that text order is time order."""

    def serialize(self, value: Any) -> str:
        return clock.sortable(value)

    def deserialize(self, value: Any) -> datetime:
        return clock.parse(value)


# Lost against another writer, a condition on what another writer moved meanwhile, or a table under load.
_PASSING_REASONS = frozenset(
    {
        "None",
        "TransactionConflict",
        "ConditionalCheckFailed",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    }
)


def may_pass(error: TransactWriteError) -> bool:
    """Whether reading again and then writing again may succeed where a transaction was refused so."""
    reasons = {reason.code for reason in error.cancellation_reasons if reason}
    if reasons:
        return reasons <= _PASSING_REASONS
    return error.cause_response_code in (
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "InternalServerError",
    )
