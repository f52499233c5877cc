"""What all PynamoDB models share. Only template.yaml defines the tables."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from pynamodb import models
from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.connection import Connection, TableConnection
from pynamodb.constants import STRING
from pynamodb.expressions.condition import Condition
from pynamodb.pagination import ResultIterator

from sitewatch import aws, clock
from sitewatch.observability import logger

Record = TypeVar("Record", bound=models.Model)
View = TypeVar("View")


CLIENT = aws.client("dynamodb", attempts=9, validates=False)
"""The one client of DynamoDB, made at import. PynamoDB's requests are valid, so it does not check them."""


class TableMeta:
    """The base of every model's ``Meta``."""

    region = os.environ.get("AWS_REGION", "us-east-1")


class Model(models.Model):
    """The base of every stored record. PynamoDB would make a client for each model, at its first call."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        table = super()._get_connection()
        table.connection._client = CLIENT  # noqa: SLF001 - it has no other way to share a client
        return table


@cache
def connection() -> Connection:
    """The connection for transactions and batches."""
    made = Connection(region=TableMeta.region)
    made._client = CLIENT  # noqa: SLF001
    return made


class TimeAttribute(UnicodeAttribute):
    """An aware UTC ``datetime``, stored with a fixed width: text order is time order."""

    def serialize(self, value: Any) -> str:
        return clock.sortable(value)

    def deserialize(self, value: Any) -> datetime:
        return clock.parse(value)


class JsonAttribute(Attribute[Any]):
    """JSON data, stored as text. pynamodb's own would escape an emoji to three times the bytes."""

    attr_type = STRING

    def serialize(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def deserialize(self, value: Any) -> Any:
        return json.loads(value)


def query_page(query: ResultIterator[Any]) -> Mapping[str, Any]:
    """The response to one call: the items of a query's next page as they are stored."""
    page: Mapping[str, Any] = next(query.page_iter)
    return page


def newest_page(
    model: type[Record], partition: str, condition: Condition | None, limit: int
) -> tuple[list[Record], bool]:
    """Up to ``limit`` items of a partition, highest sort key first, and whether there are more: one call.

    DynamoDB ends a response at 1 MiB, so a page of large items has fewer than ``limit``. This also keeps it below
    Lambda's limit for responses.
    """
    found = model.query(partition, condition, scan_index_forward=False, limit=limit + 1)
    page = query_page(found)
    records = [model.from_raw_data(item) for item in page["Items"][:limit]]
    return records, len(page["Items"]) > limit or "LastEvaluatedKey" in page


def views(view: Callable[[Record], View], records: Iterable[Record]) -> list[View]:
    """What clients see of ``records``: ``view`` of each.

    An item that ``view`` cannot read is logged and left out, so that one bad item does not fail its whole page.
    """
    found = []
    for record in records:
        try:
            found.append(view(record))
        except (KeyError, TypeError, ValueError) as error:
            item_id = record.attribute_values.get("id")
            logger.error("unreadable item", table=record.Meta.table_name, id=item_id, reason=type(error).__name__)
    return found
