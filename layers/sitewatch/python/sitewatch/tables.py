"""What every PynamoDB model shares. Tables themselves are defined in template.yaml only."""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.constants import STRING
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from sitewatch import clock
from sitewatch.delivery import chunks, deliver

Record = TypeVar("Record", bound=Model)


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


def put_all(model: type[Model], records: Iterable[Model]) -> None:
    """Put ``records``, of different keys, into the table of ``model``: ⌈n/25⌉ ``BatchWriteItem`` calls.

    What the table leaves unprocessed is sent again after a pause; pynamodb's own batch would send it at once.

    Raises
    ------
    DeliveryFailed
        Where the table goes on leaving some.
    botocore.exceptions.ClientError
        Where it refuses a call, after every retry of a throttled one.

    """
    table = model.Meta.table_name
    client: Any = connection().client

    def put(requests: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        unprocessed: dict[str, list[dict[str, Any]]] = client.batch_write_item(RequestItems={table: requests}).get(
            "UnprocessedItems", {}
        )
        return unprocessed.get(table, [])

    for chunk in chunks(({"PutRequest": {"Item": record.serialize()}} for record in records), most=25):
        deliver(chunk, put)


class TimeAttribute(UnicodeAttribute):
    """An aware UTC ``datetime``, stored in a fixed width so that text order is time order."""

    def serialize(self, value: Any) -> str:
        return clock.sortable(value)

    def deserialize(self, value: Any) -> datetime:
        return clock.parse(value)


class JsonAttribute(Attribute[Any]):
    """JSON data, stored as text; pynamodb's own would take three times the bytes for a text of emoji."""

    attr_type = STRING

    def serialize(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def deserialize(self, value: Any) -> Any:
        return json.loads(value)


def newest_of(
    model: type[Record], partition: str, condition: Condition | None, limit: int
) -> tuple[list[Record], bool]:
    """Up to ``limit`` items of a partition, highest sort key first, and whether there are more: one call.

    DynamoDB ends an answer at 1 MiB: a page of long items is a short page, which also keeps it below
    what Lambda lets through.
    """
    found = model.query(partition, condition, scan_index_forward=False, limit=limit + 1)
    page = next(found.page_iter)
    records = [model.from_raw_data(item) for item in page["Items"][:limit]]
    return records, len(page["Items"]) > limit or "LastEvaluatedKey" in page


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
    if not getattr(error.cause, "response", None):
        return True  # no answer came: where it was written, writing it again fails on a condition
    return error.cause_response_code in (
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "InternalServerError",
    )
