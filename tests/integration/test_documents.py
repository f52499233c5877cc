"""The served documents, and the Postman collection as newman runs it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runner.documents.files import COLLECTION, COMMITTED
from runner.stack import Stack
from tests.integration.client import Client
from tests.world.template import ROOT

pytestmark = pytest.mark.conformance

NEWMAN = ROOT / "tests" / "newman" / "node_modules" / "newman" / "bin" / "newman.js"


def test_the_served_document_is_the_committed_one(anyone: Client) -> None:
    answer = anyone.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads(COMMITTED.read_text(encoding="utf-8"))
    again = anyone.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_swagger_ui_and_its_parts_are_served(anyone: Client) -> None:
    page = anyone.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    script = anyone.get("/docs/swagger-ui.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert len(script.content) > 1_000_000
    assert anyone.get("/docs/nothing.js").json()["subcode"] == 4040


@pytest.mark.skipif(
    not (shutil.which("node") and NEWMAN.exists()),
    reason="newman is not installed: `npm ci --prefix tests/newman` does it, where Node is",
)
def test_newman_runs_the_collection_from_top_to_bottom(
    deployment: Stack, admin: Client, user: Client, tmp_path: Path
) -> None:
    """It runs as an administrator of its own, because it changes its password and logs out."""
    assert admin.patch(f"/users/{user.user_id}", json={"role": "admin"}).status_code == 200
    report = tmp_path / "report.json"
    variables = {"baseUrl": deployment.base_url, "username": user.username, "password": "secret"}
    command = ["node", str(NEWMAN), "run", str(COLLECTION), "--color", "off", "--timeout-request", "40000"]
    command += ["--reporters", "cli,json", "--reporter-json-export", str(report)]
    for name, value in variables.items():
        command += ["--env-var", f"{name}={value}"]
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*"},
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    run = json.loads(report.read_text(encoding="utf-8"))["run"]
    routes = sum(len(item) for item in json.loads(COMMITTED.read_text(encoding="utf-8"))["paths"].values())
    assert run["stats"]["requests"]["total"] == routes
    assert run["stats"]["assertions"]["total"] > routes
