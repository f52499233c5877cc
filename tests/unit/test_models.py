"""Every model hides its input in errors, and a page survives an item that no model can read."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic
import pytest
from pydantic import TypeAdapter

from datapoints import populating
from datapoints.source import SourcePoint
from sitewatch import api, clock, ids
from sitewatch.api import Api
from sitewatch.api_tokens import KIND, ApiTokenRecord
from sitewatch.callers import Role
from sitewatch.models import BaseModel
from tests.world import jobs
from tests.world.aws import client
from tests.world.calling import Context, access_token, api_event, call, read
from tests.world.code import modules
from tests.world.faults import one_invocation
from tests.world.instance import Log
from tests.world.pipeline import Pipeline, Record, vehicle
from tests.world.template import resources


def _subclasses(kind: type[pydantic.BaseModel]) -> Iterator[type[pydantic.BaseModel]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def test_every_models_errors_hide_their_input() -> None:
    loaded = [importlib.import_module(name) for name in modules()]
    configurations: dict[str, Mapping[str, Any]] = {
        f"{model.__module__}.{model.__qualname__}": model.model_config
        for model in _subclasses(pydantic.BaseModel)
        if model.__module__ in modules()
    }
    assert len(configurations) > 30
    configurations |= {
        f"{module.__name__}.{name}": value._config or {}
        for module in loaded
        for name, value in vars(module).items()
        if isinstance(value, TypeAdapter)
    }
    assert [name for name, config in configurations.items() if not config.get("hide_input_in_errors")] == []


def test_a_response_of_the_wrong_shape_is_a_500_and_its_content_is_not_logged(log: Log) -> None:
    class Answer(BaseModel):
        number: int

    app = Api(access=api.PUBLIC)

    @app.get("/things")
    def get() -> Answer:
        return {"number": "something private"}  # type: ignore[return-value]

    answer = read(app.resolve(api_event("GET", "/things"), Context()))
    assert (answer.status, answer.json["subcode"]) == (500, 5000)
    assert "unexpected error" in log.text
    assert "private" not in log.text + answer.text


# --- an item that cannot be read ------------------------------------------------------------------


def _two_of_each() -> str:
    """Store two items of every kind that is listed, and return the id of the user who has them."""
    alice, token = jobs.add_user()
    jobs.add_user()
    for name in ("first", "second"):
        ApiTokenRecord(
            KIND,
            ids.new_id(),
            name=name,
            created_by=alice,
            created_at=clock.now(),
            expires_at=clock.now() + clock.MAX_AHEAD,
        ).save()
        jobs.send(token, jobs.text_to(alice, alice))
        point = SourcePoint(time=int(clock.now().timestamp()), value=[0, 0, 128, 63], tags=[name])
        populating.store(populating.to_record(point, clock.now()))
    jobs.work_all()
    call("POST", "/api/event", body=[{"event_type": "message", "event_payload": "x"}] * 2, token=token)
    with one_invocation() as wire:
        pipeline = Pipeline(wire)
        pipeline.index([Record.of(number, vehicle()) for number in range(2)])
        pipeline.carry_on()
    return alice


LISTS = [
    ("/users", "users", "UsersTable", "username"),
    ("/api/tokens", "tokens", "ApiTokensTable", "name"),
    ("/api/event", "events", "EventsTable", "event_payload"),
    ("/messages", "messages", "MessagesTable", "content"),
    ("/notifications", "notifications", "NotificationsTable", "message"),
    ("/api/data", "", "DataPointsTable", "value"),
    ("/detections", "", "DetectionsTable", "model"),
]


@pytest.mark.parametrize(("path", "name", "table", "attribute"), LISTS)
def test_an_item_that_cannot_be_read_is_logged_and_left_out(
    path: str, name: str, table: str, attribute: str, log: Log
) -> None:
    alice = _two_of_each()
    spoiled = next(item for item in client("dynamodb").scan(TableName=table)["Items"] if attribute in item)
    keys = [key["AttributeName"] for key in resources("AWS::DynamoDB::Table")[table]["KeySchema"]]
    client("dynamodb").update_item(
        TableName=table,
        Key={key: spoiled[key] for key in keys},
        UpdateExpression="REMOVE #gone",
        ExpressionAttributeNames={"#gone": attribute},
    )

    query = {"sender_id": alice, "recipient_id": alice} if path == "/messages" else {}
    answer = call("GET", path, query=query, token=access_token(Role.ADMIN, subject=alice))
    assert answer.status == 200
    assert len(answer.json[name] if name else answer.json) == 1
    (line,) = [line for line in log.lines if line["message"] == "unreadable item"]
    assert (line["table"], line["id"]) == (table, spoiled["id"]["S"])
