"""The dashboard's page and files: how they are built and served."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sitewatch.audit import Action
from sitewatch.callers import Scope
from tests.world.calling import call
from tests.world.template import ROOT

WEB = ROOT / "web"
ASSETS = ROOT / "functions" / "portal" / "assets"
MANIFEST = json.loads((ASSETS / "manifest.json").read_text(encoding="utf-8"))
HASHED = sorted(name for name in MANIFEST["files"] if re.search(r"-[0-9a-f]{12}\.", name))
FIRST_VIEW_BYTES = 300_000


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


def _policy(headers: object) -> dict[str, list[str]]:
    assert isinstance(headers, dict)
    directives = [directive.split() for directive in headers["content-security-policy"].split(";")]
    return {name: sources for name, *sources in directives}


def test_the_page_is_public() -> None:
    answer = call("GET", "/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text == (ASSETS / "index.html").read_text(encoding="utf-8")


def test_the_policy_allows_no_other_hosts() -> None:
    policy = _policy(call("GET", "/").headers)
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    sources = {source for sources in policy.values() for source in sources}
    assert {source for source in sources if not source.startswith("'sha256-")} == {"'none'", "'self'", "data:"}


@pytest.mark.parametrize(("tag", "directive"), [("script", "script-src"), ("style", "style-src")])
def test_the_policy_allows_exactly_the_inline_code_of_the_page(tag: str, directive: str) -> None:
    answer = call("GET", "/")
    inline = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", answer.text, re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline]
    assert _policy(answer.headers)[directive] == ["'self'", *hashes]
    assert not re.search(r"\s(style|on[a-z]+)=", answer.text)


def test_the_page_refers_only_to_its_own_files() -> None:
    page = call("GET", "/").text
    assert re.findall(r"assets/[\w.-]+", page) == [f"assets/{name}" for name in HASHED if name.startswith("dashboard-")]
    assert set(re.findall(r"https?://[^\s'\"]+", page)) <= {"http://www.w3.org/2000/svg"}


def test_the_first_view_is_small() -> None:
    shown = [name for name in MANIFEST["files"] if name == "index.html" or name.startswith("dashboard-")]
    assert sum((ASSETS / name).stat().st_size for name in shown) < FIRST_VIEW_BYTES


@pytest.mark.parametrize("name", HASHED)
def test_a_file_with_a_hash_in_its_name_is_cached_forever(name: str) -> None:
    answer = call("GET", "/assets/{file}", path={"file": name})
    assert answer.status == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text == (ASSETS / name).read_text(encoding="utf-8")


def test_the_page_is_revalidated_and_not_resent() -> None:
    answer = call("GET", "/")
    assert answer.headers["cache-control"] == "no-cache"
    for known in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}'):
        again = call("GET", "/", headers={"If-None-Match": known})
        assert (again.status, again.text) == (304, "")
    assert call("GET", "/", headers={"If-None-Match": '"other"'}).status == 200


@pytest.mark.parametrize(
    "name", ["nothing.js", "index.html", "manifest.json", "..", "%2e%2e%2ffiles.py", "..%2ffiles.py"]
)
def test_only_listed_files_are_served(name: str) -> None:
    answer = call("GET", "/assets/{file}", path={"file": name})
    assert (answer.status, answer.json["subcode"]) == (404, 4040)


def test_the_dashboard_knows_every_action_of_the_audit_log_and_every_scope() -> None:
    words = (WEB / "dashboard" / "words.js").read_text(encoding="utf-8").partition("ACTIONS = {")[2].partition("};")[0]
    assert set(re.findall(r'^  "([^"]+)": "', words, re.MULTILINE)) == set(Action)
    scopes = re.search(r"SCOPES = (\[.*\]);", (WEB / "dashboard" / "tokens.jsx").read_text(encoding="utf-8"))
    assert scopes is not None
    assert json.loads(scopes[1]) == sorted(Scope)


def test_the_manifest_lists_every_file_with_its_checksum() -> None:
    assert {path.name for path in ASSETS.iterdir()} == {*MANIFEST["files"], "manifest.json"}
    for name, listed in MANIFEST["files"].items():
        content = (ASSETS / name).read_bytes()
        assert listed == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_every_package_is_pinned_and_its_license_is_included() -> None:
    pinned = json.loads((WEB / "package.json").read_text(encoding="utf-8"))
    assert {one["name"]: one["version"] for one in MANIFEST["packages"]} == pinned["dependencies"]
    licences = (ASSETS / "licences.txt").read_text(encoding="utf-8")
    for one in MANIFEST["packages"]:
        assert one["license"] == "MIT"
        assert one["integrity"].startswith("sha512-")
        assert f"{one['name']} {one['version']}\n" in licences


def test_the_lock_file_names_no_registry() -> None:
    lock = (WEB / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert re.search(r"https?://[^\"]*registry", lock) is None


def test_the_committed_files_match_their_sources(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (WEB / "node_modules" / "esbuild").exists():
        pytest.skip("No Node.js with web/node_modules: `npm ci --prefix web` lets this build the assets and compare.")
    subprocess.run([node, str(WEB / "build.mjs"), str(tmp_path)], check=True, timeout=60)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert built == {path.name: path.read_bytes() for path in ASSETS.iterdir()}
