"""``Idempotency-Key``: the same key and body within 24 hours write once and get the first answer again."""

import hashlib
import hmac
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

from sitewatch import aws, settings
from sitewatch.api import Api
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError, invalid_field

HEADER = "Idempotency-Key"
_LONGEST_KEY = 255
_REMEMBER_SECONDS = 24 * 60 * 60
_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


@cache
def _store() -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(table_name=settings.text("IDEMPOTENCY_TABLE"), boto3_client=aws.client("dynamodb"))


def once(app: Api, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do ``work`` for the current request, or give the answer that its first delivery got.

    Parameters
    ----------
    app
        The function's API, in the middle of a request.
    work
        Does what the request asks and gives its answer (JSON data). It must not be run again for
        the same key; an exception that it raises is not remembered.

    Raises
    ------
    ApiError
        400 where the key came with another body before or is not 1 to 255 printable characters; 429 where
        the first delivery has not ended yet.

    """
    key = app.current_event.headers.get(HEADER.lower())
    if key is None:
        return work()
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable():
        raise invalid_field(HEADER, f"1 to {_LONGEST_KEY} printable characters")
    request = {
        "scope": [app.current_event.http_method, app.current_event.path, app.caller.subject if app.caller else ""],
        "key": key,
        # Keyed with what the table does not hold: a body may have a password in it.
        "fingerprint": hmac.new(key.encode(), (app.current_event.body or "").encode(), hashlib.sha256).hexdigest(),
    }
    config = IdempotencyConfig(
        event_key_jmespath="[scope, key]",
        payload_validation_jmespath="fingerprint",
        expires_after_seconds=_REMEMBER_SECONDS,
        hash_function="sha256",
        lambda_context=app.lambda_context,
    )

    answer = idempotent_function(
        lambda *, request: work(),  # noqa: ARG005, PLW0108 - the request is what makes it the same
        data_keyword_argument="request",
        persistence_store=_store(),
        config=config,
    )

    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return answer(request=request)  # type: ignore[no-any-return]
        except IdempotencyValidationError:
            raise invalid_field(HEADER, "this key came with another body before") from None
        except IdempotencyAlreadyInProgressError:
            if time.monotonic() > deadline:
                raise ApiError(TOO_MANY_REQUESTS, "the first request with this key is still being answered") from None
            time.sleep(_PAUSE_SECONDS)
