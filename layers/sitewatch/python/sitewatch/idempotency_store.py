"""The part of ``idempotency`` that uses Powertools.

It is a module of its own because importing it is slow: it imports boto3, a tenth of a cold start, and most requests
have no key.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from sitewatch import settings, tables

_KEEP_SECONDS = 24 * 60 * 60
_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.1


class DifferentBody(Exception):
    """The key was already used with a different body."""


class StillRunning(Exception):
    """The first request with the key has not finished yet."""


@cache
def _store() -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(table_name=settings.text("IDEMPOTENCY_TABLE"), boto3_client=tables.CLIENT)


def run_once(
    prefix: str, request: dict[str, str], work: Callable[[], dict[str, Any]], lambda_context: LambdaContext
) -> dict[str, Any]:
    """Call ``work``, or return its stored result for the same ``key`` of ``request``.

    The ids of entries begin with ``prefix``.

    Raises
    ------
    DifferentBody
        If the stored result has a different ``fingerprint``.
    StillRunning
        If the first request has not finished after some seconds of waiting.

    """
    config = IdempotencyConfig(
        event_key_jmespath="key",
        payload_validation_jmespath="fingerprint",
        expires_after_seconds=_KEEP_SECONDS,
        hash_function="sha256",
        lambda_context=lambda_context,
    )

    call = idempotent_function(
        lambda *, request: work(),  # noqa: ARG005, PLW0108 - Powertools reads the request, ``work`` does not
        data_keyword_argument="request",
        persistence_store=_store(),
        config=config,
        key_prefix=prefix,
    )

    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return call(request=request)  # type: ignore[no-any-return]
        except IdempotencyValidationError:
            raise DifferentBody from None
        except IdempotencyAlreadyInProgressError:
            if time.monotonic() > deadline:
                raise StillRunning from None
            time.sleep(_POLL_SECONDS)
