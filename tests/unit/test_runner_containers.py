"""Settings and templates for functions in containers and on LocalStack, without starting any."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pytest_socket import enable_socket, socket_allow_hosts

from runner import project
from runner.credentials import COMMON
from runner.engines import custom_resources, localstack, sam_local, samples
from runner.errors import RunnerError
from runner.local import build, deployment, environment
from runner.progress import Silence
from runner.stack import Description, Stack, running_file
from runner.template import Template
from runner.workspace import LOCAL_FOLDER, PROJECT_ROOT, Workspace
from tests.world.servers import answering, serving
from tests.world.template import resources, template

FUNCTIONS = sorted(resources("AWS::Serverless::Function"))


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture(autouse=True)
def no_network() -> None:
    """Override the network ban: custom resources respond to this machine."""
    enable_socket()
    socket_allow_hosts([environment.HOST])


class TestWhereTheEmulatorListens:
    @pytest.mark.parametrize(
        ("networks", "address"),
        [
            ([{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}], "172.17.0.1"),
            ([{"Subnet": "172.17.0.0/16"}], "172.17.0.1"),
            ([{}, {"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.254"}], "10.9.0.254"),
        ],
    )
    def test_it_is_this_machines_address_on_dockers_bridge(self, networks: list[dict[str, str]], address: str) -> None:
        assert sam_local.bridge_address(json.dumps(networks)) == address

    @pytest.mark.parametrize("networks", ["null", "[]", "[{}]"])
    def test_a_bridge_without_a_network_is_one_clear_error(self, networks: str) -> None:
        with pytest.raises(RunnerError, match=r"BIND=0\.0\.0\.0"):
            sam_local.bridge_address(networks)

    def test_without_docker_there_is_one_clear_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")

        with pytest.raises(RunnerError, match="needs Docker"):
            sam_local.docker("version")

    @pytest.mark.parametrize(
        ("bind", "endpoint", "given_endpoint"),
        [
            ("127.0.0.1", "http://127.0.0.1:4566", None),
            (environment.EVERY_INTERFACE, "http://127.0.0.1:4566", None),
            ("172.17.0.1", "http://172.17.0.1:4566", "http://172.17.0.1:4566"),
        ],
    )
    def test_its_own_functions_find_it_wherever_it_listens(
        self, tmp_path: Path, bind: str, endpoint: str, given_endpoint: str | None
    ) -> None:
        given = environment.emulator(Workspace(tmp_path), 4566, COMMON, persist=False, bind=bind)

        assert environment.endpoint_url(4566, bind) == endpoint
        assert given["BIND_HOST"] == bind
        assert given.get("AWS_ENDPOINT_URL") == given_endpoint


class TestContainersThatAreLeft:
    """After `make sam-local`. The docker command is faked: it lists containers and notes each call."""

    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """A docker whose first removal fails, because the daemon is still busy with another one."""
        containers, calls = tmp_path / "containers", tmp_path / "calls"
        others = f"fff1 \nfff2 {PROJECT_ROOT}/functions\n"
        containers.write_text(f"abc0 {tmp_path}/builds/1/CheckFunction,/var/rie\n{others}")
        docker = tmp_path / "docker"
        docker.write_text(f"""#!/bin/sh
            echo "$1 $2 $3" >> {calls}
            [ "$1" = rm ] || exec cat {containers}
            echo "{others}" > {containers}
            echo "removal of container abc0 is already in progress" >&2
            exit 1
        """)
        docker.chmod(0o700)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        return calls

    def test_one_that_docker_is_already_removing_needs_only_time(self, calls: Path, tmp_path: Path) -> None:
        sam_local.remove_containers(tmp_path / "builds")

        listing = "ps --all --no-trunc"
        assert calls.read_text().splitlines() == [listing, "rm --force abc0", listing]


class TestVariablesInContainers:
    def test_addresses_of_this_machine_are_replaced_by_its_name_in_containers(self) -> None:
        deployed = {
            "A": {
                "TABLE": "sitewatch-Users",
                "QUEUE_URL": "http://localhost:4566/000000000000/jobs",
                "SOURCE": "http://172.17.0.1:4566/restapis/{api}/v1/_user_request_/simulator",
                "ELSEWHERE": "http://example.com:45660/",
            }
        }

        assert sam_local.variables_in_containers(deployed, 4566, "abc") == {
            "A": {
                "TABLE": "sitewatch-Users",
                "QUEUE_URL": "http://host.docker.internal:4566/000000000000/jobs",
                "SOURCE": "http://host.docker.internal:4566/restapis/abc/v1/_user_request_/simulator",
                "ELSEWHERE": "http://example.com:45660/",
            }
        }

    def test_functions_call_the_emulator_even_without_the_environment_file(self, tmp_path: Path) -> None:
        built = tmp_path / "template.yaml"
        shared = {"Function": {"Environment": {"Variables": {"TABLE": {"Ref": "Table"}}}}}
        resources = {"A": {"Properties": {"CodeUri": "A"}}, "L": {"Properties": {"ContentUri": "L"}}, "T": {}}
        parameters = {"Runtime": {"Default": "python3.13"}, "Other": {}}
        built.write_text(yaml.safe_dump({"Globals": shared, "Resources": resources, "Parameters": parameters}))

        derived = sam_local.container_template(built, {"Runtime": "python3.14"}, COMMON, 4571)

        variables = derived["Globals"]["Function"]["Environment"]["Variables"]
        own = {**COMMON.variables(), "AWS_SESSION_TOKEN": ""}
        endpoint = "http://host.docker.internal:4571"
        assert variables == {"TABLE": {"Ref": "Table"}, "AWS_ENDPOINT_URL": endpoint, **own}
        assert derived["Parameters"] == {"Runtime": {"Default": "python3.14"}, "Other": {}}
        assert derived["Resources"]["A"]["Properties"] == {"CodeUri": str(tmp_path / "A")}
        assert derived["Resources"]["L"]["Properties"] == {"ContentUri": str(tmp_path / "L")}

    def test_sam_by_hand_runs_the_sources_with_the_packages_that_are_built_for_its_image(self) -> None:
        document = copy.deepcopy(template())
        for name, resource in document["Resources"].items():
            if resource["Type"] in ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion"):
                key = "CodeUri" if resource["Type"].endswith("Function") else "ContentUri"
                resource["Properties"][key] = f"/built/{name}"

        changed = sam_local.from_sources(document)["Resources"]

        assert {changed[name]["Properties"]["CodeUri"] for name in FUNCTIONS} == {str(PROJECT_ROOT / "functions")}
        assert changed["SitewatchLayer"]["Properties"]["ContentUri"] == str(PROJECT_ROOT / "layers" / "sitewatch")
        assert changed["DependenciesLayer"]["Properties"]["ContentUri"] == "/built/DependenciesLayer"

    def test_sam_by_hand_is_configured_with_the_files_that_the_runner_writes(self) -> None:
        folder = LOCAL_FOLDER.relative_to(PROJECT_ROOT) / "sam-local"
        for command in ("local_invoke", "local_start_api", "local_start_lambda"):
            settings = project.samconfig("default", command)
            assert settings["template_file"] == str(folder / "template.yaml")
            assert settings["env_vars"] == str(folder / "env.json")
            assert settings["add_host"] == [f"{sam_local.HOST_NAME}:host-gateway"]


class TestSamples:
    @pytest.mark.parametrize("name", ["PostUsersFunction", "PostUsers", "post_users"])
    def test_a_function_is_found_by_each_of_its_names(self, name: str) -> None:
        assert samples.named(FUNCTIONS, name) == "PostUsersFunction"

    @pytest.mark.parametrize("name", ["", "users", "post-users"])
    def test_an_unknown_name_is_an_error_that_lists_the_known_ones(self, name: str) -> None:
        with pytest.raises(RunnerError, match="post_users"):
            samples.named(FUNCTIONS, name)

    def test_every_function_has_a_sample_event(self) -> None:
        assert all(json.loads(samples.event_of(name, "")) for name in FUNCTIONS)

    def test_a_file_that_is_missing_or_not_json_is_one_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "broken.json").write_text("{")

        with pytest.raises(RunnerError, match="There is no event"):
            samples.event_of("CheckFunction", str(tmp_path / "none.json"))
        with pytest.raises(RunnerError, match="is not JSON"):
            samples.event_of("CheckFunction", str(tmp_path / "broken.json"))

    def test_a_functions_response_to_cloudformation_is_received(self) -> None:
        with samples.answered(
            '{"ResponseURL": "http://127.0.0.1:8000/answer", "a": 1}', bind="127.0.0.1", host="127.0.0.1"
        ) as (
            event,
            received,
        ):
            parsed = json.loads(event)
            answer = httpx.put(parsed["ResponseURL"], content=b'{"Status": "SUCCESS"}', timeout=10, trust_env=False)

        assert (parsed["a"], answer.status_code) == (1, 200)
        assert received == ['{"Status": "SUCCESS"}']
        with pytest.raises(httpx.ConnectError):
            httpx.put(parsed["ResponseURL"], timeout=10, trust_env=False)

    def test_an_event_without_a_response_url_is_unchanged(self) -> None:
        with samples.answered("[1]", bind="127.0.0.1", host="x") as (event, received):
            assert (event, received) == ("[1]", [])


def built_template() -> dict[str, Any]:
    """A template as SAM builds it, with a custom resource that functions read."""
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "A", "Layers": [{"Ref": "Layer"}]}}
    return {
        "Conditions": {
            "Generates": {"Fn::Equals": [{"Ref": "Password"}, ""]},
            "Named": {"Fn::Not": [{"Condition": "Generates"}]},
        },
        "Globals": {
            "Function": {
                "Layers": [{"Ref": "Layer"}],
                "Environment": {"Variables": {"KEYS": {"Fn::GetAtt": ["Key", "PublicKeys"]}, "N": "1"}},
            }
        },
        "Resources": {
            "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {}},
            "Reads": function,
            "Makes": {
                **function,
                "Properties": {**function["Properties"], "Environment": {"Variables": {"KEYS": ""}}},  # type: ignore[dict-item]
            },
            "Key": {"Type": "Custom::Key", "Properties": {"ServiceToken": {"Fn::GetAtt": ["Makes", "Arn"]}}},
        },
    }


class TestCustomResources:
    def test_only_functions_that_read_an_attribute_get_it(self) -> None:
        built = Template(built_template(), {}, dict.fromkeys(["Reads", "Makes"], "f"), {"Key": {"PublicKeys": "{}"}})

        assert custom_resources.readers_of(built, "Key") == {"Reads": {"KEYS": "{}"}}

    def test_the_templates_custom_resources_can_be_filled_in(self) -> None:
        custom = {name: each for name, each in template()["Resources"].items() if each["Type"].startswith("Custom::")}
        whole = Template(
            template(),
            project.deploy_parameters("localstack"),
            dict.fromkeys(template()["Resources"], "id"),
            {key: {"PublicKeys": "{}"} for key in custom},
        )
        assert custom
        for name, resource in custom.items():
            properties = {key: each for key, each in resource["Properties"].items() if key != "ServiceToken"}
            assert {key: whole.text(each) for key, each in properties.items()}, name


class TestLocalStack:
    def test_functions_have_their_code_in_s3_and_no_layers(self) -> None:
        changed = localstack.without_layers(built_template(), {"Bucket": "b", "Key": "k"})

        assert "Layer" not in changed["Resources"]
        assert changed["Resources"]["Reads"]["Properties"] == {"CodeUri": {"Bucket": "b", "Key": "k"}}
        assert "Layers" not in changed["Globals"]["Function"]
        assert "Layer" in built_template()["Resources"]

    def test_functions_log_to_localstacks_default_groups(self) -> None:
        built = built_template()
        built["Resources"]["Reads"]["Properties"]["LoggingConfig"] = {"LogGroup": {"Ref": "Group"}, "LogFormat": "JSON"}

        changed = localstack.without_log_groups(built)

        assert changed["Resources"]["Reads"]["Properties"]["LoggingConfig"] == {"LogFormat": "JSON"}
        assert changed["Resources"]["Makes"] == built["Resources"]["Makes"]

    def test_the_functions_code_comes_before_the_layers_of_the_same_name_and_is_the_same_every_time(
        self, tmp_path: Path
    ) -> None:
        for folder, text in (("DependenciesLayer/python", "x"), ("SitewatchLayer/python", "y"), ("CheckFunction", "z")):
            (tmp_path / folder / "package").mkdir(parents=True)
            (tmp_path / folder / "package" / f"{text}.py").write_text(text)

        code = localstack.merged_code(tmp_path)

        assert code == localstack.merged_code(tmp_path)
        assert {f"package/{text}.py".encode() in code for text in "xyz"} == {True}

    def test_its_parameters_are_samconfigs_with_the_address_that_functions_reach(self) -> None:
        wanted = localstack.parameters("http://172.17.0.1:4566", simulate=False)

        assert wanted["ApiUrlPrefix"] == "http://172.17.0.1:4566/_aws/execute-api/"
        assert wanted["Environment"] == "localstack"
        assert wanted["Schedules"] == "DISABLED"
        assert set(wanted) <= set(template()["Parameters"])

    def test_an_unreachable_localstack_is_one_clear_error(self) -> None:
        with pytest.raises(RunnerError, match=r"docs/localstack\.md"):
            localstack.edition_at("http://127.0.0.1:9")

    @pytest.mark.parametrize("licensed", [True, False])
    def test_it_says_whether_it_has_a_license(self, *, licensed: bool) -> None:
        info = {"version": "2026.3.0", "edition": "pro", "is_license_activated": licensed}
        with serving(answering(json.dumps(info).encode())) as server:
            assert localstack.edition_at(server.url) == localstack.Edition("2026.3.0", licensed)

    def test_commands_find_it_unless_the_local_system_runs(self, tmp_path: Path) -> None:
        local, other = tmp_path / "stack.json", tmp_path / "localstack.json"
        assert running_file(local, other) == local
        Stack.named(endpoint_url="http://127.0.0.1:9").write(other)
        assert running_file(local, other) == other
        Stack.named(endpoint_url="http://127.0.0.1:9").write(local)
        assert running_file(local, other) == other
        with serving(answering(b"{}")) as server:
            Stack.named(endpoint_url=server.url).write(local)
            assert running_file(local, other) == local


class TestLocalStackAgain:
    """A second `make localstack`."""

    @pytest.fixture
    def deployed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
        """The steps that a deployment takes; LocalStack itself is faked."""
        steps: list[str] = []
        described: list[Description] = []

        def deploy(*_: Any) -> Description:
            steps.append("deployed")
            outputs = {"ApiId": "abc", "DetectionsStreamName": "detections"}
            described[:] = [Description("UPDATE_COMPLETE", f"change {len(steps)}", {}, outputs)]
            return described[0]

        monkeypatch.setattr(localstack, "LAST_DEPLOYMENT", tmp_path / "last.json")
        monkeypatch.setattr(build, "for_containers", lambda _: tmp_path / "template.yaml")
        monkeypatch.setattr(localstack, "upload", lambda _stack, built: build.read(built))
        monkeypatch.setattr(deployment, "deploy", deploy)
        monkeypatch.setattr(custom_resources, "make", lambda *_: steps.append("custom resources"))
        monkeypatch.setattr(localstack, "get", lambda *_, **__: (200, b""))
        monkeypatch.setattr(Stack, "describe", lambda _: described[0] if described else None)
        return steps

    def deploy(self, folder: Path, built: dict[str, Any], *, workarounds: bool = True) -> Stack:
        (folder / "template.yaml").write_text(yaml.safe_dump(built))
        chosen = {"ApiUrlSuffix": "/v1"}
        address = "http://127.0.0.1:4566"
        workspace = Workspace(folder)
        return localstack.deploy(workspace, address, chosen, Silence(), address, workarounds=workarounds)

    def test_deploys_nothing_if_nothing_has_changed(self, deployed: list[str], tmp_path: Path) -> None:
        first = self.deploy(tmp_path, with_an_api())
        assert self.deploy(tmp_path, with_an_api()) == first
        assert deployed == ["deployed", "custom resources"]

    def test_deploys_changed_code(self, deployed: list[str], tmp_path: Path) -> None:
        self.deploy(tmp_path, with_an_api())
        self.deploy(tmp_path, with_an_api(Timeout=30))
        assert deployed == ["deployed", "custom resources"] * 2

    def test_refuses_a_changed_api_before_it_deploys(self, deployed: list[str], tmp_path: Path) -> None:
        self.deploy(tmp_path, with_an_api())
        with pytest.raises(RunnerError, match="Restart LocalStack"):
            self.deploy(tmp_path, with_an_api(Events={"Route": {"Type": "Api"}}))
        assert deployed == ["deployed", "custom resources"]

    def test_with_a_license_needs_no_workaround(self, deployed: list[str], tmp_path: Path) -> None:
        self.deploy(tmp_path, with_an_api(), workarounds=False)
        self.deploy(tmp_path, with_an_api(Events={"Route": {"Type": "Api"}}), workarounds=False)
        assert deployed == ["deployed"] * 2


def with_an_api(**properties: Any) -> dict[str, Any]:
    """A built template with an API and a function."""
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    return {"Resources": {"Api": {"Type": "AWS::Serverless::Api", "Properties": {}}, "Function": function}}
