"""make rotate-key: a new key signs, and issued tokens stay valid until the old key is retired."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest

from accounts import issuing, machines, on_deploy_signing_key
from runner.__main__ import main
from runner.operate import rotate_key
from runner.stack import Stack
from sitewatch import clock, custom_resource, ids, keys, tokens
from sitewatch.callers import Caller, Origin, Role, TokenUse
from sitewatch.tokens import TokenRefused
from tests.world.aws import client

NAME = rotate_key.PARAMETER
DESCRIBED = {"StackId": "stack", "StackStatus": "UPDATE_COMPLETE", "CreationTime": clock.now()}


class Interrupted(Exception):
    """The command was interrupted."""


class Engine:
    """CloudFormation and Lambda for the key alone: an update provides the custom resource and renews every function."""

    def __init__(self) -> None:
        self.parameter = ""
        self.history: list[str] = []

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - botocore's name
        parameters = {"AdminPassword": "****", NAME: self.parameter}
        listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        return {"Stacks": [{**DESCRIBED, "Parameters": listed}]}

    def update_stack(self, *, UsePreviousTemplate: bool, Parameters: list[Any], **_: object) -> None:  # noqa: N803
        assert UsePreviousTemplate
        assert {"ParameterKey": "AdminPassword", "UsePreviousValue": True} in Parameters
        (self.parameter,) = (each["ParameterValue"] for each in Parameters if each["ParameterKey"] == NAME)
        self.history.append(self.parameter)

    def get_waiter(self, _name: str) -> "Engine":
        return self

    def wait(self, **_: object) -> None:
        renew(self.parameter)

    def get_function_configuration(self, FunctionName: str) -> Any:  # noqa: N803
        assert FunctionName == "GetJwksFunction"
        return {"Environment": {"Variables": {"TOKEN_PUBLIC_KEYS": os.environ["TOKEN_PUBLIC_KEYS"]}}}


class Interrupting:
    """A client that counts its calls and interrupts the command at a given one."""

    def __init__(self, real: Any, count: list[int], last: int | None) -> None:
        self._real, self._count, self._last = real, count, last

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if name in ("get_paginator", "get_waiter"):
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            answer = method(*arguments, **named)
            self._count[0] += 1
            if self._count[0] == self._last:
                raise Interrupted
            return answer

        return call


def renew(versions: str) -> None:
    """Update the functions as the stack's update does: new instances with new settings."""
    public = on_deploy_signing_key._provide({"Versions": versions}).attributes["PublicKeys"]
    os.environ |= {"TOKEN_KEY_VERSIONS": versions, "TOKEN_PUBLIC_KEYS": public}
    tokens._public_keys.cache_clear()
    keys.current_signing_key.cache_clear()


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Engine:
    for name in ("TOKEN_KEY_VERSIONS", "TOKEN_PUBLIC_KEYS"):
        monkeypatch.setenv(name, os.environ[name])  # restored afterwards
    return Engine()


def run(stack: Engine, *arguments: str, monkeypatch: pytest.MonkeyPatch, last: int | None = None) -> tuple[int, int]:
    """Run the command. Return its exit code and its number of calls."""
    count = [0]

    class World(Stack):
        def client(self, service: str) -> Any:
            return Interrupting(stack if service in ("cloudformation", "lambda") else client(service), count, last)

        def resource(self, logical_id: str, kind: str) -> str:
            return logical_id

    monkeypatch.setattr(rotate_key, "find", lambda _parsed: World.named(endpoint_url="http://127.0.0.1:1"))
    return main(["rotate-key", *arguments]), count[0]


def token(use: TokenUse = TokenUse.ACCESS) -> str:
    caller = Caller(ids.new_id(), "someone", Role.USER, use, ids.new_id(), "family")
    return issuing.sign(caller, expires_at=clock.now() + timedelta(days=30))


def later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    monkeypatch.setattr(rotate_key, "REFRESH_LIFETIME", rotate_key.REFRESH_LIFETIME - timedelta(days=days))


def test_a_refresh_token_lives_as_long_as_the_rotation_assumes() -> None:
    assert rotate_key.REFRESH_LIFETIME == issuing.REFRESH_LIFETIME


def test_tokens_of_both_keys_are_valid_until_the_old_one_is_retired(
    stack: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = token()
    assert run(stack, monkeypatch=monkeypatch)[0] == 0
    after = token()
    first, second = stack.history
    assert second.split(",") == first.split(",")[::-1]
    assert tokens.verify(before).use is tokens.verify(after).use
    kids = [each["kid"] for each in json.loads(os.environ["TOKEN_PUBLIC_KEYS"])["keys"]]
    assert len(set(kids)) == 2
    assert f"Key {kids[0]} signs" in capsys.readouterr().out

    later(monkeypatch, days=7)
    assert run(stack, "--retire", monkeypatch=monkeypatch)[0] == 0
    assert tokens.verify(after).username == "someone"
    with pytest.raises(TokenRefused, match="Signature verification failed"):
        tokens.verify(before)
    # Once more, on a stack with a completed rotation.
    assert run(stack, monkeypatch=monkeypatch)[0] == 0
    assert tokens.verify(after).username == "someone"
    assert len(set(",".join(stack.history).split(","))) == 3


def test_a_rotation_interrupted_anywhere_resumes_and_makes_one_new_key(
    stack: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    last, ended = 1, False
    while not ended:
        before, old = token(), stack.parameter
        try:
            run(stack, monkeypatch=monkeypatch, last=last)
            ended = True
        except Interrupted:
            renew(stack.parameter)  # CloudFormation continues by itself
        assert tokens.verify(before).username == "someone"
        assert tokens.verify(token()).username == "someone"
        if not ended:
            run(stack, monkeypatch=monkeypatch)
        used = [version for version in stack.parameter.split(",") if version]
        assert len(used) == 2
        assert set(old.split(",")) - {""} <= set(used)
        assert tokens.verify(before).username == "someone"
        described = client("secretsmanager").describe_secret(SecretId="TokenSecret")["VersionIdsToStages"]
        assert described[used[0]] == ["AWSCURRENT"]
        assert "AWSPREVIOUS" in described[used[1]]
        assert run(stack, "--retire", "--force", monkeypatch=monkeypatch)[0] == 0
        last += 1
    assert last > 8


def test_a_second_rotation_waits_for_the_first_to_end(
    stack: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(stack, monkeypatch=monkeypatch)
    assert run(stack, monkeypatch=monkeypatch)[0] == 1
    assert "Two keys are valid already" in capsys.readouterr().err
    assert len(stack.history) == 2


def test_the_old_key_is_not_retired_while_one_of_its_refresh_tokens_may_be_valid(
    stack: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stack, "--retire", monkeypatch=monkeypatch)[0] == 1
    run(stack, monkeypatch=monkeypatch)
    later(monkeypatch, days=6.9)
    assert run(stack, "--retire", monkeypatch=monkeypatch)[0] == 1
    assert "may still be good" in capsys.readouterr().err
    assert len(stack.history) == 2
    assert run(stack, "--retire", "--force", monkeypatch=monkeypatch)[0] == 0


def test_the_old_key_is_not_retired_while_a_machine_needs_it(
    stack: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    year = timedelta(days=365)
    machines.issue(ids.new_id(), "gate camera", origin=Origin("admin"), lifetime=year)
    machines.issue(ids.new_id(), "gone camera", origin=Origin("admin"), lifetime=-year)
    run(stack, monkeypatch=monkeypatch)
    machines.issue(ids.new_id(), "new camera", origin=Origin("admin"), lifetime=year)
    assert "before it is retired: 'gate camera'\n" in capsys.readouterr().out
    later(monkeypatch, days=7)
    assert run(stack, "--retire", monkeypatch=monkeypatch)[0] == 1
    assert "'gate camera'\n" in capsys.readouterr().out
    assert len(stack.history) == 2


def test_a_stack_of_an_older_template_has_to_be_deployed_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Older(Engine):
        def describe_stacks(self, StackName: str) -> Any:  # noqa: N803
            return {"Stacks": [DESCRIBED]}

    assert run(Older(), monkeypatch=monkeypatch)[0] == 1
    assert "deploy this version first" in capsys.readouterr().err


def test_a_missing_version_fails_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    responses: list[Any] = []
    monkeypatch.setattr(custom_resource._http, "request", lambda *_, body, **__: responses.append(json.loads(body)))
    request = {
        "RequestType": "Update",
        "ResponseURL": "https://cloudformation.example.com/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "SigningKey",
        "PhysicalResourceId": "token-keys",
        "ResourceProperties": {"Versions": "00000000-0000-0000-0000-000000000000"},
    }
    on_deploy_signing_key.handler(request, None)
    assert responses[0]["Status"] == "FAILED"
