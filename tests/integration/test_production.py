"""Production as far as it can be tested without AWS: its build, and a deployment of its parameters to the emulator.

What the emulator lacks is left out: rollback triggers, the firewall's association with a stage, alarms on queries and
metric math, TLS, and the recovery of tables, which it does not turn on. tests/unit/test_production.py covers these from
the transformed template.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner import template
from runner.__main__ import main
from runner.local import build, deployment, emulator
from runner.local.layers import with_shared_layers
from runner.local.system import API_PREFIX, API_SUFFIX
from runner.stack import STACK_NAME, Description, Stack
from runner.workspace import Workspace
from tests.integration.client import Client
from tests.world.deployed import production_parameters

pytestmark = pytest.mark.xdist_group("production")

PATHS = ("CodeUri", "ContentUri", "TemplateURL")
OPTIONAL = {
    "AlarmEmail": "operators@example.com",
    "CustomerManagedKey": "on",
    "EventSender": "on",
    "WatchedBy": "an alarm, as after the first deployment",
    "WebAcl": "off",
    "OutboundAddresses": "any",  # the emulator's own is private
}

PASSWORD = "a long secret"
WEBHOOK_SECRET = "what the door sensors sign with"


def _emulated(built: Path, folder: Path) -> Path:
    """A built template for the emulator, which rejects some alarms, and obeys policies for TLS but has none."""
    document = template.read(built)
    _without_tls(document)
    for resource in document["Resources"].values():
        found = resource.get("Properties", {})
        found.update({path: str(built.parent / found[path]) for path in PATHS if path in found})
    nested = document["Resources"]["Monitoring"]["Properties"]
    monitoring = template.read(Path(nested["TemplateURL"]))
    _without_tls(monitoring)
    monitoring["Resources"] = {
        name: each for name, each in monitoring["Resources"].items() if "Metrics" not in each["Properties"]
    }
    monitoring["Outputs"]["RollbackTriggers"]["Value"] = {"Fn::GetAtt": ["ApiServerErrors", "Arn"]}
    nested["TemplateURL"] = str(folder / "monitoring.yaml")
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(monitoring), encoding="utf-8")
    (folder / "template.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return folder / "template.yaml"


def _without_tls(document: dict[str, Any]) -> None:
    """Remove the statements that refuse plain HTTP, and the policies that have no others."""
    for name, resource in list(document["Resources"].items()):
        policy = resource.get("Properties", {}).get("PolicyDocument")
        if policy is not None:
            policy["Statement"] = [each for each in policy["Statement"] if "aws:SecureTransport" not in str(each)]
            if not policy["Statement"]:
                del document["Resources"][name]


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Description]]:
    """Production's stack on a separate emulator."""
    workspace = Workspace(tmp_path_factory.mktemp("production"))
    workspace.prepare()
    built = build.build(workspace, build.source_fingerprint())
    port = emulator.free_port()
    server = emulator.start(workspace, port, persist=False)
    try:
        server.wait_until_ready()
        engine = server.stack()
        secret = engine.client("secretsmanager").create_secret(Name="webhook", SecretString=WEBHOOK_SECRET)
        parameters = {
            **production_parameters(),
            **OPTIONAL,
            "WebhookSecretArn": secret["ARN"],
            # The emulator runs functions with its own interpreter, and has its own address.
            "Runtime": build.RUNTIME,
            "Architecture": build.ARCHITECTURE,
            "ApiUrlPrefix": server.endpoint_url + API_PREFIX,
            "ApiUrlSuffix": API_SUFFIX,
        }
        shared = with_shared_layers(workspace, _emulated(built, workspace.home))
        yield engine, deployment.deploy(engine, workspace, shared, parameters)
    finally:
        server.discard()


def test_production_is_deployed_and_its_administrator_can_log_in(production: tuple[Stack, Description]) -> None:
    engine, stack = production
    secret = engine.client("secretsmanager").get_secret_value(SecretId=stack.outputs["AdminPasswordSecretName"])
    with Client(stack.outputs["BaseUrl"]) as client:
        client.log_in("admin", secret["SecretString"])
        assert client.get("/check").json() == {"health": "ok"}
        assert client.get("/users").json()["users"][0]["username"] == "admin"


def test_short_and_common_passwords_are_refused(production: tuple[Stack, Description]) -> None:
    _, stack = production
    with Client(stack.outputs["BaseUrl"]) as client:
        for password in ("wonderland", "password1234"):
            refused = client.post("/auth/signup", json={"username": "weak", "password": password})
            assert (refused.status_code, refused.json()["subcode"]) == (400, 4001)


def test_only_a_signed_reading_or_a_machines_is_accepted(production: tuple[Stack, Description]) -> None:
    engine, stack = production
    body = json.dumps({"sensor": "signed", "ts": "2026-11-22T06:10:30Z", "in_count": 2, "out": 1}).encode()
    time = str(int(datetime.now(UTC).timestamp()))
    signature = hmac.new(WEBHOOK_SECRET.encode(), f"{time}\nkey\n".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Idempotency-Key": "key", "X-Signature-Timestamp": time, "X-Signature-256": f"sha256={signature}"}
    password = engine.client("secretsmanager").get_secret_value(SecretId=stack.outputs["AdminPasswordSecretName"])
    with Client(stack.outputs["BaseUrl"]) as client, Client(stack.outputs["BaseUrl"]) as machine:
        assert client.post("/api/webhook", content=body).status_code == 401
        forged = client.post("/api/webhook", content=body, headers={**headers, "X-Signature-256": "sha256=" + "0" * 64})
        assert forged.json()["msg"] == "Signature verification failed"
        accepted = client.post("/api/webhook", content=body, headers=headers)
        assert (accepted.status_code, accepted.json()) == (200, {"message": "OK"})
        replayed = client.post("/api/webhook", content=body, headers=headers)
        assert replayed.json()["msg"] == "Signature has been used"
        assert client.get("/api/sensors/signed/occupancy").json()["inside"] == 1

        machine.log_in("admin", password["SecretString"])
        machine.carry(machine.post("/api/tokens", json={"name": "door"}).json()["api_token"])
        assert machine.post("/api/webhook", content=body).status_code == 200
        assert client.get("/api/sensors/signed/occupancy").json()["inside"] == 2


def test_alarms_the_topic_and_the_dashboard_exist(production: tuple[Stack, Description]) -> None:
    engine, stack = production
    topic = stack.outputs["AlarmsTopicArn"]
    resources = engine.client("cloudformation").describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    queues = {
        each["LogicalResourceId"]: each["PhysicalResourceId"].rpartition("/")[2]
        for each in resources
        if each["ResourceType"] == "AWS::SQS::Queue"
    }
    alarms = engine.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{STACK_NAME}-")["MetricAlarms"]
    by_name = {alarm["AlarmName"]: alarm for alarm in alarms}
    assert all(alarm["AlarmActions"] == [topic] for alarm in alarms)

    [watched] = by_name[f"{STACK_NAME}-JobsDeadLetters"]["Dimensions"]
    assert watched["Value"] == queues["JobsDeadLetterQueue"]
    assert engine.client("cloudwatch").get_dashboard(DashboardName=STACK_NAME)["DashboardBody"]


def test_tables_are_protected_from_deletion(production: tuple[Stack, Description]) -> None:
    engine, _ = production
    dynamodb: Any = engine.client("dynamodb")
    for name in dynamodb.list_tables()["TableNames"]:
        assert dynamodb.describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"] is True


def kid(token: str) -> str:
    header = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


def test_a_new_key_signs_and_nobody_is_logged_out_until_the_old_one_is_retired(
    production: tuple[Stack, Description], tmp_path: Path
) -> None:
    engine, stack = production
    file = tmp_path / "stack.json"
    engine.write(file)
    password = engine.client("secretsmanager").get_secret_value(SecretId=stack.outputs["AdminPasswordSecretName"])
    with Client(stack.outputs["BaseUrl"]) as early, Client(stack.outputs["BaseUrl"]) as late:
        early.log_in("admin", password["SecretString"])
        late.sign_up(PASSWORD)
        session = early.post("/auth/login", data={"username": late.username, "password": PASSWORD}).json()
        (old_kid,) = [key["kid"] for key in early.get("/.well-known/jwks.json").json()["keys"]]

        assert main(["rotate-key", "--stack-file", str(file)]) == 0
        assert early.get("/users/me").json()["username"] == "admin"
        renewed = late.post("/auth/refresh", json={"refresh_token": session["refresh_token"]})
        assert renewed.status_code == 200
        new_kid = kid(renewed.json()["refresh_token"])
        assert [key["kid"] for key in early.get("/.well-known/jwks.json").json()["keys"]] == [new_kid, old_kid]
        assert new_kid != old_kid
        late.carry(renewed.json()["access_token"])

        # The refresh token's seven days are not waited for here.
        assert main(["rotate-key", "--retire", "--force", "--stack-file", str(file)]) == 0
        refused = early.get("/users/me")
        assert (refused.status_code, refused.json()["msg"]) == (401, "Signature verification failed")
        assert late.get("/users/me").json()["username"] == late.username
        # The sender's own token has been minted anew.
        secret = engine.client("secretsmanager").get_secret_value(SecretId=f"{engine.stack_name}/sender-token")
        assert kid(secret["SecretString"]) == new_kid
