"""Change the key that signs tokens without logging anyone out: `make rotate-key`, and days later with RETIRE=yes.

A key is a version of the stack's secret. The template's parameter `TokenKeyVersions` names the versions whose public
keys every function accepts, and the first of them signs. So each step is one update of the stack, and a rotation that
was interrupted goes on where it was:

1. a new version of the secret, and its public key in every function beside the old one;
2. the new one signs; the old one is still accepted, so every token that is out stays good;
3. with RETIRE=yes, once no token of the old key can still be good: only the new one is accepted.

A refresh token lives for seven days, so step 3 is refused for that long, and as long as an API token is of the old
key: those live for years, and have to be issued anew. FORCE=yes does it nevertheless.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runner.deployed import STACK_FILE, Deployed, add_arguments, find
from runner.errors import RunnerError, exit_code
from runner.local.deployment import aws_errors_as_runner_errors
from runner.workspace import PROJECT_ROOT

# The functions' own way from a secret to a key and its id: deployed, not installed, so it is read in place.
sys.path[:0] = [str(PROJECT_ROOT / "layers" / "sitewatch" / "python")]

from sitewatch import keys  # noqa: E402

PARAMETER = "TokenKeyVersions"
CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
SIGNS_SINCE = "sitewatch:signs-since"
"""The secret's tag with the time from which its current version has signed alone."""

REFRESH_LIFETIME = timedelta(days=7)
"""As `accounts.issuing` has it, which a test compares."""

CACHED_SECONDS = 300
"""How long others may keep /.well-known/jwks.json: a key signs only when they have had time to learn of it."""

SECRET_BYTES = 48
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
UPDATE_DEADLINE_S = 3600


@dataclass(frozen=True, slots=True)
class State:
    """`published`: the versions in use, the signing one first. `labels`: each version's labels in Secrets Manager."""

    published: tuple[str, ...]
    labels: Mapping[str, Sequence[str]]
    signs_since: datetime | None

    def labelled(self, label: str) -> str | None:
        """The version with that label."""
        return next((version for version, labels in self.labels.items() if label in labels), None)


class Rotation:
    """The key of one stack."""

    def __init__(self, deployed: Deployed) -> None:
        self._stack = deployed.name
        self._cloudformation = deployed.client("cloudformation")
        self._secrets = deployed.client("secretsmanager")
        self._dynamodb = deployed.client("dynamodb")
        self._secret = deployed.resource("TokenSecret", "AWS::SecretsManager::Secret")
        self._tokens_table = deployed.resource("ApiTokensTable", "AWS::DynamoDB::Table")
        self._poll_seconds = 1 if deployed.is_local else 15

    def state(self) -> State:
        """Where the rotation stands.

        Raises RunnerError where the stack is of a template that cannot rotate.
        """
        parameters = self._parameters()
        if PARAMETER not in parameters:
            raise RunnerError(f"{self._stack} has no parameter {PARAMETER}: deploy this version first.")
        described = self._secrets.describe_secret(SecretId=self._secret)
        labels = described["VersionIdsToStages"]
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        published = tuple(version for version in parameters[PARAMETER].split(",") if version)
        since = datetime.fromisoformat(tags[SIGNS_SINCE]) if SIGNS_SINCE in tags else None
        if not published:
            published = tuple(version for version in labels if CURRENT in labels[version])
        return State(published, labels, since)

    def publish(self, state: State) -> State:
        """Step 1: make a version, unless an earlier attempt has, and have every function accept it."""
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
        """Step 2: have the new version sign. The labels follow, so that Secrets Manager keeps both."""
        pending = state.labelled(PENDING)
        if pending is not None and state.published[0] != pending:
            old, new = state.published
            self._use(new, old)
        new, old = self.state().published
        if state.labelled(CURRENT) != new:
            self._secrets.update_secret_version_stage(
                SecretId=self._secret, VersionStage=CURRENT, MoveToVersionId=new, RemoveFromVersionId=old
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._secrets.tag_resource(SecretId=self._secret, Tags=[{"Key": SIGNS_SINCE, "Value": now}])
        # Last: while it is there, this step is not done.
        self._secrets.update_secret_version_stage(SecretId=self._secret, VersionStage=PENDING, RemoveFromVersionId=new)
        return self.state()

    def retire(self, state: State) -> None:
        """Step 3: have every function refuse the old version."""
        new, old = state.published
        self._use(new)
        if PREVIOUS in state.labels.get(old, []):
            self._secrets.update_secret_version_stage(
                SecretId=self._secret, VersionStage=PREVIOUS, RemoveFromVersionId=old
            )

    def key_id(self, version: str) -> str:
        """The `kid` of a version's key."""
        secret = self._secrets.get_secret_value(SecretId=self._secret, VersionId=version)["SecretString"]
        return keys.key_id(keys.signing_key(secret).public_key())

    def api_tokens_of_other_keys(self, version: str) -> list[str]:
        """The names of the API tokens that stand and that another version than this one has signed."""
        kid, now = self.key_id(version), int(time.time())
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._tokens_table,
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": "api_token"}},
        )
        tokens = [item for page in pages for item in page["Items"] if int(item["expires_at"]["N"]) > now]
        return [item["name"]["S"] for item in tokens if item.get("key_id", {}).get("S") != kid]

    def _parameters(self) -> dict[str, str]:
        [stack] = self._cloudformation.describe_stacks(StackName=self._stack)["Stacks"]
        return {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}

    def _use(self, *versions: str) -> None:
        """Update the stack to these versions and wait for it.

        Raises RunnerError where CloudFormation has rolled it back.
        """
        parameters: list[dict[str, Any]] = [
            {"ParameterKey": name, "UsePreviousValue": True} for name in self._parameters() if name != PARAMETER
        ]
        self._cloudformation.update_stack(
            StackName=self._stack,
            UsePreviousTemplate=True,
            Parameters=[*parameters, {"ParameterKey": PARAMETER, "ParameterValue": ",".join(versions)}],
            Capabilities=list(CAPABILITIES),
        )
        waiter = self._cloudformation.get_waiter("stack_update_complete")
        waiter.wait(
            StackName=self._stack,
            WaiterConfig={"Delay": self._poll_seconds, "MaxAttempts": UPDATE_DEADLINE_S // self._poll_seconds},
        )


def rotate(rotation: Rotation, settle_seconds: float) -> None:
    """Steps 1 and 2, or what is left of them."""
    state = rotation.state()
    if len(state.published) == 1:
        print("1/2 Publishing a new key beside the old one …", flush=True)
        state = rotation.publish(state)
    elif state.labelled(PENDING) is None:
        raise RunnerError(f"Two keys are valid already. {_advice(state)}")
    if settle_seconds and state.published[0] != state.labelled(PENDING):
        print(f"    Waiting {settle_seconds:.0f} s: others may keep the published keys for so long …", flush=True)
        time.sleep(settle_seconds)
    print("2/2 Signing with the new key …", flush=True)
    state = rotation.sign(state)
    print(f"Key {rotation.key_id(state.published[0])} signs; every token that is out stays good.")
    print(f"Then: {_advice(state)}")
    _print_api_tokens(rotation.api_tokens_of_other_keys(state.published[0]))


def retire(rotation: Rotation, *, force: bool) -> None:
    """Step 3.

    Raises RunnerError where a token of the old key may still be good, unless forced.
    """
    state = rotation.state()
    if len(state.published) == 1:
        raise RunnerError("There is one key only: nothing to retire.")
    if state.signs_since is None or state.labelled(PENDING) is not None:
        raise RunnerError("The new key does not sign yet: make rotate-key.")
    if not force:
        if datetime.now(UTC) < state.signs_since + REFRESH_LIFETIME:
            raise RunnerError(f"Refresh tokens of the old key may still be good. {_advice(state)} FORCE=yes ends them.")
        names = rotation.api_tokens_of_other_keys(state.published[0])
        if names:
            _print_api_tokens(names)
            raise RunnerError("FORCE=yes retires the old key nevertheless.")
    rotation.retire(state)
    print("The old key is retired: what it signed is refused.")


def _advice(state: State) -> str:
    if state.signs_since is None:
        return "make rotate-key goes on with it."
    return f"make rotate-key RETIRE=yes, after {state.signs_since + REFRESH_LIFETIME:%Y-%m-%d %H:%M} UTC."


def _print_api_tokens(names: Sequence[str]) -> None:
    if names:
        print(f"API tokens of the old key, to be issued anew before it is retired: {', '.join(map(ascii, names))}")


def run(parsed: argparse.Namespace, file: Path = STACK_FILE) -> None:
    """Do what the command line asks for.

    Raises RunnerError where it cannot be done.
    """
    deployed = find(parsed.stack, parsed.region, file)
    with aws_errors_as_runner_errors(f"Rotating the key of {deployed.name}"):
        rotation = Rotation(deployed)
        if parsed.retire:
            retire(rotation, force=parsed.force)
        else:
            rotate(rotation, 0 if deployed.is_local else CACHED_SECONDS)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make rotate-key", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--retire", action="store_true", help="refuse the old key from now on")
    parser.add_argument("--force", action="store_true", help="with --retire: even where its tokens may still be good")
    add_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do it; 1 with a line on standard error where it fails."""
    parsed = parse(arguments)
    return exit_code(lambda: run(parsed))


if __name__ == "__main__":
    sys.exit(main())
