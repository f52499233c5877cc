"""What ``idempotency`` does with a key, by Powertools. Apart from it, because importing this is dear.

It brings boto3: a tenth of a cold start, for something that most requests do not ask for.
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

from sitewatch import aws, settings

_REMEMBER_SECONDS = 24 * 60 * 60
_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


class OtherBody(Exception):
    """The key came with another body before."""


class StillAnswering(Exception):
    """The first request with the key has not ended yet."""


@cache
def _store() -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(table_name=settings.text("IDEMPOTENCY_TABLE"), boto3_client=aws.client("dynamodb"))


def remembered(
    request: dict[str, Any], work: Callable[[], dict[str, Any]], lambda_context: LambdaContext
) -> dict[str, Any]:
    """Do ``work``, or give what it gave for the same ``scope``, ``key`` and ``fingerprint`` of ``request``.

    Raises
    ------
    OtherBody
        Where the scope and key are known with another fingerprint.
    StillAnswering
        Where the first one has not ended after some seconds of waiting.

    """
    config = IdempotencyConfig(
        event_key_jmespath="[scope, key]",
        payload_validation_jmespath="fingerprint",
        expires_after_seconds=_REMEMBER_SECONDS,
        hash_function="sha256",
        lambda_context=lambda_context,
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
            raise OtherBody from None
        except IdempotencyAlreadyInProgressError:
            if time.monotonic() > deadline:
                raise StillAnswering from None
            time.sleep(_PAUSE_SECONDS)
