"""Indexes by deadline: what is due, earliest first. An item without a deadline is not in its index."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from pynamodb.indexes import GlobalSecondaryIndex

DUE = "due"
"""The partition of all deadlines of an index."""

_MAX_PAGES = 10
_PAGE = 1000


def due_by(index: GlobalSecondaryIndex[Any], deadline: Any, until: datetime) -> Iterator[Mapping[str, Any]]:
    """The stored items of ``index`` with a ``deadline``, its sort key, up to ``until``: at most 10,000."""
    # bounded: by the pages below
    found = index.query(DUE, deadline <= until, page_size=_PAGE)
    for page in islice(found.page_iter, _MAX_PAGES):
        yield from page["Items"]
