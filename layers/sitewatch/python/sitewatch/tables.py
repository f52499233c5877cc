"""What all PynamoDB models share. Only template.yaml defines the tables."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from pynamodb import models
from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.connection import Connection, TableConnection
from pynamodb.constants import STRING
from pynamodb.pagination import ResultIterator

from sitewatch import aws, clock
from sitewatch.observability import logger

Record = TypeVar("Record", bound=models.Model)
View = TypeVar("View")


CLIENT = aws.client("dynamodb", attempts=9, validates=False)
"""The one client of DynamoDB, made at import. PynamoDB's requests are valid, so it does not check them."""


MAX_REQUESTS = 11
"""The most reads that a page makes. With the status of its user, it makes at most 12."""


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


def page(
    model: type[Record], query: ResultIterator[Any], limit: int, *, sort_key: str = "id"
) -> tuple[list[Record], str | None]:
    """Up to ``limit`` records of a query for ``limit`` + 1 items, and the sort key to continue after, if there is more.

    DynamoDB ends a response at 1 MiB, and such a page has fewer than ``limit``. This also keeps it below Lambda's limit
    for responses. A page is one call, unless the query has a filter: then up to ``MAX_REQUESTS`` calls make up for the
    items that it leaves out.
    """
    items: list[Mapping[str, Any]] = []
    end: Mapping[str, Any] | None = None
    for part in islice(query.page_iter, MAX_REQUESTS):
        items += part["Items"]
        end = part.get("LastEvaluatedKey")
        if len(items) >= limit or part["ScannedCount"] <= limit:
            break
    if len(items) > limit:
        end = items[limit - 1]
    records = [model.from_raw_data(dict(item)) for item in items[:limit]]
    return records, str(end[sort_key]["S"]) if end else None


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
