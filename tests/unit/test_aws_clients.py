"""The clients of AWS services."""

from typing import Any

import pytest

from sitewatch import aws, tables


@pytest.fixture
def sent() -> Any:
    """The headers of the calls that the client of DynamoDB makes."""
    headers: list[Any] = []

    def keep(request: Any, **_: Any) -> None:
        headers.append(request.headers)

    tables.CLIENT.meta.events.register("before-send.dynamodb", keep)
    yield headers
    tables.CLIENT.meta.events.unregister("before-send.dynamodb", keep)


def test_a_service_has_one_client() -> None:
    assert aws.client("sqs") is aws.client("sqs")


def test_botocore_assembles_no_user_agent_for_a_call(sent: list[Any]) -> None:
    tables.CLIENT.list_tables()

    [headers] = sent
    name, *others = headers["User-Agent"].decode().split()
    assert name == "sitewatch"
    assert all(other.startswith("PT") for other in others)  # Powertools adds its own
