"""Change the key that signs tokens without logging anyone out: `make rotate-key`, and days later with RETIRE=yes.

A key is a version of the stack's secret. The template's parameter `TokenKeyVersions` lists the versions whose public
keys every function accepts; the first of them signs. Each step is one update of the stack, and an interrupted rotation
continues where it was:

1. Make a new version of the secret. Every function accepts its public key beside the old one.
2. The new key signs. The old one is still accepted, so every token stays valid.
3. With RETIRE=yes, when no token of the old key can be valid any more: accept only the new key.

A refresh token lives for seven days, so step 3 is refused for that long, and for as long as an API token of the old key
exists: those live for years and have to be issued again. FORCE=yes retires the key anyway.
"""

import argparse
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runner import arguments
from runner.errors import RunnerError
from runner.stack import Stack, aws_errors, find

PARAMETER = "TokenKeyVersions"
CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
SIGNS_SINCE = "sitewatch:signs-since"
"""The secret's tag with the time when its current version began to sign alone."""

REFRESH_LIFETIME = timedelta(days=7)
"""The same as in `accounts.issuing`; a test compares them."""

CACHED_SECONDS = 300
"""How long others may cache /.well-known/jwks.json: a key signs only after they have had time to fetch it."""

SECRET_BYTES = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_flag(parser, "--retire", "RETIRE", "refuse the old key from now on")
    arguments.add_flag(parser, "--force", "FORCE", "with --retire: even if its tokens may still be valid")
    arguments.add_stack(parser)


def run(parsed: argparse.Namespace) -> None:
    """Rotate the key, or retire the old one."""
    stack = find(parsed)
    with aws_errors(f"Rotating the key of {stack.stack_name}"):
        rotation = Rotation(stack)
        if parsed.retire:
            retire(rotation, force=parsed.force)
        else:
            rotate(rotation, 0 if stack.is_local else CACHED_SECONDS)


@dataclass(frozen=True, slots=True)
class State:
    """`published`: the versions in use, the signing one first. `labels`: each version's labels in Secrets Manager."""

    published: tuple[str, ...]
    labels: Mapping[str, Sequence[str]]
    signs_since: datetime | None

    def labelled(self, label: str) -> str | None:
        """The version with this label."""
        return next((version for version, labels in self.labels.items() if label in labels), None)


class Rotation:
    """The signing key of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._secrets, self._dynamodb, self._lambda = map(stack.client, ("secretsmanager", "dynamodb", "lambda"))
        self._secret = stack.resource("TokenSecret", "AWS::SecretsManager::Secret")
        self._tokens_table = stack.resource("ApiTokensTable", "AWS::DynamoDB::Table")
        self._verifier = stack.resource("GetJwksFunction", "AWS::Lambda::Function")

    def state(self) -> State:
        """The current state of the rotation.

        Raises RunnerError if the stack's template is too old to rotate keys.
        """
        parameters = self._stack.require().parameters
        if PARAMETER not in parameters:
            raise RunnerError(f"{self._stack.stack_name} has no parameter {PARAMETER}: deploy this version first.")
        described = self._secrets.describe_secret(SecretId=self._secret)
        labels = described["VersionIdsToStages"]
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        published = tuple(version for version in parameters[PARAMETER].split(",") if version)
        since = datetime.fromisoformat(tags[SIGNS_SINCE]) if SIGNS_SINCE in tags else None
        if not published:
            published = tuple(version for version in labels if CURRENT in labels[version])
        return State(published, labels, since)

    def publish(self, state: State) -> State:
        """Step 1: make a version, unless an earlier attempt has, and let every function accept it."""
        (old,) = state.published
        new = state.labelled(PENDING)
        if new is None or new == old:
            answer = self._secrets.put_secret_value(
                SecretId=self._secret, SecretString=secrets.token_urlsafe(SECRET_BYTES), VersionStages=[PENDING]
            )
            new = answer["VersionId"]
        self._use(old, new)
        return self.state()

    def sign(self, state: State) -> State:
        """Step 2: let the new version sign. The labels follow, so that Secrets Manager keeps both."""
        pending = state.labelled(PENDING)
        if pending is not None and state.published[0] != pending:
            old, new = state.published
            self._use(new, old)
        new, old = self.state().published
        if state.labelled(CURRENT) != new:
            self._move_label(CURRENT, MoveToVersionId=new, RemoveFromVersionId=old)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._secrets.tag_resource(SecretId=self._secret, Tags=[{"Key": SIGNS_SINCE, "Value": now}])
        # Last: as long as this label exists, the step is not done.
        self._move_label(PENDING, RemoveFromVersionId=new)
        return self.state()

    def retire(self, state: State) -> None:
        """Step 3: let every function refuse the old version."""
        new, old = state.published
        self._use(new)
        if PREVIOUS in state.labels.get(old, []):
            self._move_label(PREVIOUS, RemoveFromVersionId=old)

    def signing_key_id(self) -> str:
        """The `kid` of the key that signs: the first of the public keys that functions have."""
        configuration = self._lambda.get_function_configuration(FunctionName=self._verifier)
        published = json.loads(configuration["Environment"]["Variables"]["TOKEN_PUBLIC_KEYS"])["keys"]
        return str(published[0]["kid"])

    def api_tokens_of_old_keys(self) -> list[str]:
        """The names of the valid API tokens that an older key has signed."""
        kid, now = self.signing_key_id(), int(time.time())
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._tokens_table,
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": "api_token"}},
        )
        tokens = [item for page in pages for item in page["Items"] if int(item["expires_at"]["N"]) > now]
        return [item["name"]["S"] for item in tokens if item.get("key_id", {}).get("S") != kid]

    def _use(self, *versions: str) -> None:
        """Update the stack to these versions and wait until it is done."""
        self._stack.update(self._stack.require(), {PARAMETER: ",".join(versions)})

    def _move_label(self, label: str, **versions: str) -> None:
        self._secrets.update_secret_version_stage(SecretId=self._secret, VersionStage=label, **versions)


def rotate(rotation: Rotation, settle_seconds: float) -> None:
    """Do steps 1 and 2, or what is left of them."""
    state = rotation.state()
    if len(state.published) == 1:
        print("1/2 Publishing a new key beside the old one …", flush=True)
        state = rotation.publish(state)
    elif state.labelled(PENDING) is None:
        raise RunnerError(f"Two keys are valid already. {_advice(state)}")
    if settle_seconds and state.published[0] != state.labelled(PENDING):
        print(f"    Waiting {settle_seconds:.0f} s: others may cache the published keys for that long …", flush=True)
        time.sleep(settle_seconds)
    print("2/2 Signing with the new key …", flush=True)
    state = rotation.sign(state)
    print(f"Key {rotation.signing_key_id()} signs; every token stays valid.")
    print(f"Next: {_advice(state)}")
    _print_api_tokens(rotation.api_tokens_of_old_keys())


def retire(rotation: Rotation, *, force: bool) -> None:
    """Do step 3."""
    state = rotation.state()
    if len(state.published) == 1:
        raise RunnerError("There is only one key: nothing to retire.")
    if state.signs_since is None or state.labelled(PENDING) is not None:
        raise RunnerError("The new key does not sign yet: make rotate-key.")
    if not force:
        if datetime.now(UTC) < state.signs_since + REFRESH_LIFETIME:
            raise RunnerError(f"Refresh tokens of the old key may still be good. {_advice(state)} FORCE=yes ends them.")
        names = rotation.api_tokens_of_old_keys()
        if names:
            _print_api_tokens(names)
            raise RunnerError("FORCE=yes retires the old key anyway.")
    rotation.retire(state)
    print("The old key is retired: its tokens are refused.")


def _advice(state: State) -> str:
    if state.signs_since is None:
        return "make rotate-key continues it."
    return f"make rotate-key RETIRE=yes, after {state.signs_since + REFRESH_LIFETIME:%Y-%m-%d %H:%M} UTC."


def _print_api_tokens(names: Sequence[str]) -> None:
    if names:
        print(f"API tokens of the old key, to be issued again before it is retired: {', '.join(map(ascii, names))}")
