"""make admin: a reset token for the operator who has lost the last administrator's password."""

import io
import json
import re
from typing import Any

import pytest

from accounts import on_operator_reset
from runner.__main__ import main
from runner.operate import admin
from runner.stack import Stack
from sitewatch.audit import Action, newest_first
from tests.world.calling import Context, call
from tests.world.people import log_in, sign_up, stored

pytestmark = pytest.mark.usefixtures("cheap_hashing")


class Lambda:
    """Lambda with the function, which may fail."""

    fails = False

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - botocore's name
        assert FunctionName == "OperatorResetFunction"
        if self.fails:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"KeyError")}
        answer = on_operator_reset.handler(json.loads(Payload), Context())
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Lambda:
    service = Lambda()

    class World(Stack):
        """The tests' world as a stack."""

        def client(self, service_name: str) -> Any:
            return {"lambda": service}[service_name]

        def resource(self, logical_id: str, kind: str) -> str:
            return logical_id

    monkeypatch.setattr(admin, "find", lambda _parsed: World.named())
    return service


def test_the_token_sets_a_new_password_and_the_log_names_the_operator(capsys: pytest.CaptureFixture[str]) -> None:
    sign_up()
    assert main(["admin", "aLICE"]) == 0
    found = re.search(r'"reset_token": "([^"]+)"', capsys.readouterr().out)
    assert found is not None
    body = {"reset_token": found[1], "new_password": "a new one"}
    assert call("POST", "/auth/reset-password", body=body).status == 204
    log_in(password="a new one")
    ((entry,), _) = newest_first(stored().id, Action.RESET_ISSUED, None, 10)
    assert entry.actor == "operator"


def test_an_unknown_user_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["admin", "nobody"]) == 1
    assert "nobody: there is no such user" in capsys.readouterr().err


def test_a_failure_is_reported(engine: Lambda, capsys: pytest.CaptureFixture[str]) -> None:
    engine.fails = True
    assert main(["admin", "alice"]) == 1
    assert "KeyError" in capsys.readouterr().err


def test_a_username_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["admin"]) == 2
    assert "USER" in capsys.readouterr().err
