"""The runner's decisions before it starts anything."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pytest_socket import enable_socket, socket_allow_hosts

from runner import bootstrap
from runner.__main__ import COMMANDS, main, parse
from runner.credentials import COMMON
from runner.errors import RunnerError
from runner.http_client import get
from runner.local import build, commands, deployment, emulator, environment, system
from runner.local.build import source_fingerprint
from runner.local.deployment import gateway_responses, is_set
from runner.processes import ProcessIdentity
from runner.progress import Silence
from runner.stack import Description, Stack, aws_client
from runner.template import Template
from runner.workspace import PROJECT_ROOT, Workspace, exclusive, require_disk_space

A_STACK = Stack(
    base_url="http://127.0.0.1:4566/restapis/abc/v1/_user_request_",
    endpoint_url="http://127.0.0.1:4566",
    region="us-east-1",
    stack_name="sitewatch",
    detections_stream="sitewatch-detections",
    users={"admin": "admin"},
)
DEPLOYED = Description(status="UPDATE_COMPLETE", changed="now", parameters={}, outputs={"ApiId": "abc"})


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture(autouse=True)
def no_network() -> None:
    """Override the network ban: these tests look for free ports."""
    enable_socket()
    socket_allow_hosts([environment.HOST])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "local")
    workspace.prepare()
    return workspace


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "functions" / "portal").mkdir(parents=True)
    (root / "layers").mkdir()
    (root / "template.yaml").write_text("Resources: {}")
    (root / "functions" / "portal" / "check.py").write_text("def handler(): ...")
    return root


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind((environment.HOST, 0))
        server.listen()
        yield server


class TestStackFile:
    def test_a_written_file_can_be_read(self, workspace: Workspace) -> None:
        A_STACK.write(workspace.stack)

        assert Stack.read(workspace.stack) == A_STACK

    def test_the_error_for_a_missing_file_names_the_command_that_writes_it(self, workspace: Workspace) -> None:
        with pytest.raises(RunnerError, match="make up"):
            Stack.read(workspace.stack)

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"base_url": "x"}', '{"unknown": 1}'])
    def test_a_broken_file_is_one_clear_error(self, workspace: Workspace, content: str) -> None:
        workspace.stack.write_text(content)

        with pytest.raises(RunnerError, match="not as make up writes it"):
            Stack.read(workspace.stack)

    def test_passwords_are_not_in_its_printed_form(self) -> None:
        assert "admin" not in repr(A_STACK)


class TestLayout:
    def test_data_of_this_version_is_kept(self, workspace: Workspace) -> None:
        workspace.check_layout()
        (workspace.state / "dynamodb.json").write_text("{}")
        workspace.check_layout()

    @pytest.mark.parametrize("layout", [None, "1"])
    def test_data_of_an_older_version_stops_the_start_with_the_command_that_deletes_it(
        self, workspace: Workspace, layout: str | None
    ) -> None:
        if layout:
            workspace.layout.write_text(layout)
        (workspace.state / "dynamodb.json").write_text("{}")
        for _ in range(2):
            with pytest.raises(RunnerError, match="make reset"):
                system.bring_up(workspace, system.Options(), Silence())


class TestUserSettings:
    def test_no_setting_of_the_user_reaches_a_client(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text("[default]\nregion = eu-west-3\nendpoint_url = https://example.com\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        monkeypatch.setenv("AWS_PROFILE", "there-is-no-such-profile")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://example.com")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")

        client = aws_client("sqs", "http://127.0.0.1:1", "us-east-1", COMMON)

        assert client.meta.endpoint_url == "http://127.0.0.1:1"
        assert client.meta.region_name == "us-east-1"

    def test_no_setting_of_the_user_reaches_sam_or_the_emulator(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "PYTHONPATH", "SAM_CLI_TELEMETRY"):
            monkeypatch.setenv(name, "mine")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")

        for given in (
            environment.sam(workspace, "http://127.0.0.1:4566"),
            environment.emulator(workspace, 4566, COMMON, persist=True),
        ):
            assert "mine" not in given.values()
            assert given["AWS_EC2_METADATA_DISABLED"] == "true"

    def test_sam_keeps_pips_settings(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIP_CERT", "/some/certificates")
        monkeypatch.setenv("https_proxy", "http://proxy:3128")

        given = environment.sam(workspace, "http://127.0.0.1:4566")

        assert given["PIP_CERT"] == "/some/certificates"
        assert given["https_proxy"] == "http://proxy:3128"
        assert "127.0.0.1" in given["no_proxy"]


class TestFingerprint:
    def test_it_is_the_same_for_the_same_sources(self, sources: Path) -> None:
        assert source_fingerprint(sources) == source_fingerprint(sources)

    @pytest.mark.parametrize("file", ["template.yaml", "functions/portal/check.py", "functions/new.csv", "layers/x"])
    def test_a_changed_or_new_file_changes_it(self, sources: Path, file: str) -> None:
        before = source_fingerprint(sources)

        (sources / file).write_text("changed")

        assert source_fingerprint(sources) != before

    def test_a_renamed_file_changes_it(self, sources: Path) -> None:
        before = source_fingerprint(sources)

        (sources / "functions/portal/check.py").rename(sources / "functions/portal/health.py")

        assert source_fingerprint(sources) != before

    def test_compiled_modules_and_other_folders_do_not(self, sources: Path) -> None:
        before = source_fingerprint(sources)

        (sources / "functions/portal/__pycache__").mkdir()
        (sources / "functions/portal/__pycache__/check.cpython-311.pyc").write_bytes(b"x")
        (sources / "docs").mkdir()
        (sources / "docs/page.md").write_text("x")

        assert source_fingerprint(sources) == before

    def test_only_the_most_recently_used_builds_are_kept(self, tmp_path: Path) -> None:
        for age, name in enumerate(["newest", "second", "third", "fourth", "fifth"]):
            (tmp_path / name).mkdir()
            (tmp_path / name / "template.yaml").touch()
            os.utime(tmp_path / name, (1_000 - age, 1_000 - age))

        build.forget_old_builds(tmp_path)

        assert sorted(folder.name for folder in tmp_path.iterdir()) == ["newest", "second", "third"]


class TestWhetherToDeploy:
    def record(self, workspace: Workspace, target: str, changed: str) -> None:
        workspace.deployment.write_text(json.dumps({"target": target, "changed": changed}))

    def test_an_up_to_date_deployment_is_left_alone(self, workspace: Workspace) -> None:
        self.record(workspace, "this", "now")

        assert system.is_current(workspace, DEPLOYED, "this")

    def test_changed_sources_or_parameters_are_deployed(self, workspace: Workspace) -> None:
        self.record(workspace, "this", "now")

        assert not system.is_current(workspace, DEPLOYED, "that")

    def test_state_older_than_the_last_deployment_is_deployed_over(self, workspace: Workspace) -> None:
        self.record(workspace, "this", "now")

        assert not system.is_current(workspace, replace(DEPLOYED, changed="earlier"), "this")

    def test_an_interrupted_deployment_is_repeated(self, workspace: Workspace) -> None:
        self.record(workspace, "this", "now")

        assert not system.is_current(workspace, replace(DEPLOYED, status="UPDATE_IN_PROGRESS"), "this")

    @pytest.mark.parametrize("content", [None, "", "{"])
    def test_a_missing_or_broken_record_means_a_deployment(self, workspace: Workspace, content: str | None) -> None:
        if content is not None:
            workspace.deployment.write_text(content)

        assert not system.is_current(workspace, DEPLOYED, "this")

    def test_simulation_off_disables_the_schedules(self) -> None:
        assert system.template_parameters(4566, simulate=True)["Schedules"] == "ENABLED"
        assert system.template_parameters(4566, simulate=False)["Schedules"] == "DISABLED"


class TestUnhealthySystem:
    def test_it_is_deployed_once_and_reported_each_time(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deployed = replace(DEPLOYED, outputs={"ApiId": "abc", "DetectionsStreamName": "detections"})
        deployments: list[Path] = []

        class Unhealthy(emulator.Emulator):
            def wait_until_ready(self) -> None:
                """It answers."""

            def wait_until_healthy(self, url: str, deadline_s: float) -> None:
                raise RunnerError(f"GET {url} answers 500")

        def deploy(_stack: Stack, _workspace: Workspace, built: Path, _parameters: dict[str, str]) -> Description:
            deployments.append(built)
            return deployed

        server = Unhealthy(workspace, 4566, ProcessIdentity(os.getpid(), "now"))
        monkeypatch.setattr(emulator, "running", lambda _workspace: server)
        monkeypatch.setattr(system, "build_sources", lambda *_: Path("built/template.yaml"))
        monkeypatch.setattr(system, "with_shared_layers", lambda _workspace, built: built)
        monkeypatch.setattr(Stack, "describe", lambda _stack: deployed if deployments else None)
        monkeypatch.setattr(deployment, "deploy", deploy)
        monkeypatch.setattr(deployment, "apply_gateway_responses", lambda *_: None)

        for _ in range(2):
            with pytest.raises(RunnerError, match="/check answers 500"):
                system.bring_up(workspace, system.Options(), Silence())

        assert len(deployments) == 1
        assert not workspace.stack.exists()


class TestGatewayResponses:
    def template(self, responses: dict[str, Any], **parameters: str) -> Template:
        return Template({"Resources": {"Api": {"Properties": {"GatewayResponses": responses}}}}, parameters)

    def test_sams_form_becomes_the_apis_form(self) -> None:
        template = self.template(
            {
                "MISSING_AUTHENTICATION_TOKEN": {
                    "StatusCode": 404,
                    "ResponseParameters": {"Headers": {"Access-Control-Allow-Origin": {"Ref": "Origin"}}},
                    "ResponseTemplates": {"application/json": '{"code": 404}'},
                }
            },
            Origin="'*'",
        )

        assert gateway_responses(template) == [
            {
                "responseType": "MISSING_AUTHENTICATION_TOKEN",
                "statusCode": "404",
                "responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
                "responseTemplates": {"application/json": '{"code": 404}'},
            }
        ]

    def test_a_template_without_any_has_none(self) -> None:
        assert gateway_responses(Template({"Resources": {"Api": {"Properties": {}}}}, {})) == []

    def test_one_that_is_already_set_is_recognized(self) -> None:
        wanted = {"responseType": "THROTTLED", "statusCode": "429", "responseParameters": {}}

        assert is_set(wanted, {**wanted, "defaultResponse": False})
        assert not is_set(wanted, {**wanted, "defaultResponse": True})
        assert not is_set(wanted, {**wanted, "defaultResponse": False, "statusCode": "500"})


class TestEmulatorProcess:
    def test_a_recorded_process_that_has_ended_is_not_running(self, workspace: Workspace) -> None:
        workspace.process.write_text('{"pid": 1, "started": "in another life", "port": 4566}')

        assert emulator.running(workspace) is None

    def test_a_recorded_process_that_is_alive_is_running(self, workspace: Workspace) -> None:
        me = ProcessIdentity.of(os.getpid())
        assert me is not None
        workspace.process.write_text(json.dumps({"pid": me.pid, "started": me.started, "port": 4570}))

        running = emulator.running(workspace)

        assert running is not None
        assert (running.port, running.bind) == (4570, environment.HOST)

    def test_a_system_bound_to_another_address_is_not_moved(self, workspace: Workspace) -> None:
        me = ProcessIdentity.of(os.getpid())
        assert me is not None
        recorded = {"pid": me.pid, "started": me.started, "port": 4570, "bind": "172.17.0.1"}
        workspace.process.write_text(json.dumps(recorded))

        with pytest.raises(RunnerError, match=r"bound to 172\.17\.0\.1, not to 127\.0\.0\.1"):
            system.bring_up(workspace, system.Options(bind="127.0.0.1"), Silence())

    @pytest.mark.parametrize("content", ["", "{", "{}", "[]", '"x"'])
    def test_a_broken_record_means_no_process(self, workspace: Workspace, content: str) -> None:
        workspace.process.write_text(content)

        assert emulator.running(workspace) is None

    def test_a_port_in_use_is_one_clear_error(self, workspace: Workspace, listener: socket.socket) -> None:
        port = listener.getsockname()[1]

        with pytest.raises(RunnerError, match=rf"Port {port} .* in use .* PORT={port + 1}"):
            emulator.start(workspace, port)

    def test_a_free_port_is_free(self) -> None:
        assert emulator.port_is_free(emulator.free_port())

    def test_nothing_answers_where_nothing_listens(self) -> None:
        assert get(f"http://{environment.HOST}:{emulator.free_port()}/")[0] == 0


class TestWorkspace:
    def test_a_folder_that_cannot_be_created_is_one_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(RunnerError, match="Cannot make"):
            Workspace(tmp_path / "file" / "local").prepare()

    def test_erasing_keeps_the_builds_and_deletes_the_data(self, workspace: Workspace) -> None:
        builds = workspace.home / "builds"
        builds.mkdir()
        (workspace.state / "dynamodb.json").touch()
        A_STACK.write(workspace.stack)

        workspace.erase()

        assert builds.exists()
        assert not workspace.state.exists()
        assert not workspace.stack.exists()

    def test_a_lock_has_one_holder_at_most(self, tmp_path: Path) -> None:
        with (
            exclusive(tmp_path / "lock", 0, "busy"),
            pytest.raises(RunnerError, match="busy"),
            exclusive(tmp_path / "lock", 0, "busy"),
        ):
            pass

        with exclusive(tmp_path / "lock", 0, "busy"):
            pass


class DiskUsage(NamedTuple):
    free: int


class TestDiskSpace:
    @pytest.fixture(autouse=True)
    def nearly_full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: DiskUsage(100_000_000))

    def test_what_folders_of_one_disk_need_is_added_up(self, tmp_path: Path) -> None:
        (tmp_path / "temporary").mkdir()
        require_disk_space((tmp_path, 60), (tmp_path / "temporary", 40))

        with pytest.raises(RunnerError) as error:
            require_disk_space((tmp_path, 60), (tmp_path / "temporary", 41))

        assert str(error.value).startswith(
            "Too little disk space: 101 MB are needed and 100 MB are free "
            f"(60 MB in {tmp_path} and 41 MB in {tmp_path / 'temporary'}). You can delete"
        )
        assert "\n" not in str(error.value)

    def test_a_system_that_would_not_fit_is_not_started(self, workspace: Workspace) -> None:
        with pytest.raises(RunnerError, match=rf"{system.RUN_MB} MB in .*local"):
            system.bring_up(workspace, system.Options(port=emulator.free_port()), Silence())

        assert not workspace.log.exists()

    def test_a_build_needs_space_only_once(self, tmp_path: Path) -> None:
        assert [megabytes for _, megabytes in build.disk_space("a" * 64, tmp_path)] == [
            build.BUILD_MB,
            build.TEMPORARY_MB,
        ]

        (tmp_path / ("a" * 16)).mkdir()
        (tmp_path / ("a" * 16) / "template.yaml").touch()

        assert build.disk_space("a" * 64, tmp_path) == []

    def test_an_installation_that_would_not_fit_is_not_started(self) -> None:
        assert bootstrap.lack_of_space(["local", "emulator"]).startswith("Too little disk space to install: ")
        assert bootstrap.lack_of_space([]) == ""


class TestCommandLine:
    def test_empty_variables_mean_the_defaults(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "")
        monkeypatch.setenv("SIMULATE", "")

        parsed = parse(["up"])

        assert (parsed.port, parsed.simulate) == (None, True)

    def test_variables_are_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "4570")
        monkeypatch.setenv("SIMULATE", "off")

        parsed = parse(["run"])

        assert (parsed.port, parsed.simulate) == (4570, False)

    @pytest.mark.parametrize(("given", "bind"), [("", None), ("172.17.0.1", "172.17.0.1")])
    def test_the_address_to_listen_on_is_read(
        self, monkeypatch: pytest.MonkeyPatch, given: str, bind: str | None
    ) -> None:
        monkeypatch.setenv("BIND", given)

        assert parse(["sam-local"]).bind == bind

    @pytest.mark.parametrize(
        ("given", "origins"),
        [
            ("", ""),
            ("*", "*"),
            ("http://localhost:3000", "http://localhost:3000"),
            (
                "http://localhost:3000, HTTPS://Watch.Example.com:443/",
                "http://localhost:3000,https://watch.example.com",
            ),
            ("http://[::1]:80,http://127.0.0.1:8080", "http://[::1],http://127.0.0.1:8080"),
        ],
    )
    def test_the_origins_of_other_front_ends_are_read_as_browsers_send_them(
        self, monkeypatch: pytest.MonkeyPatch, given: str, origins: str
    ) -> None:
        monkeypatch.setenv("CORS_ORIGINS", given)

        options = commands.options_of(parse(["up"]))

        assert options.origins == origins
        assert system.template_parameters(4566, simulate=False, origins=options.origins)["CorsOrigins"] == origins

    @pytest.mark.parametrize(
        ("variable", "given", "message"),
        [
            *(("PORT", given, "PORT is a number") for given in ("abc", "80", "70000", "-1", "4566.0")),
            *(("BIND", given, "BIND is an IPv4 address") for given in ("everywhere", "1.2.3", "::1")),
            ("SIMULATE", "maybe", "SIMULATE is on or off, not maybe."),
            *(
                (
                    "CORS_ORIGINS",
                    given,
                    "CORS_ORIGINS is a list of origins such as http://localhost:3000,https://watch.",
                )
                for given in (
                    "localhost:3000",
                    "http://",
                    "http://a,",
                    "ftp://a",
                    "http://a/page",
                    "http://a?b",
                    "http://a#b",
                    "http://me@a",
                    "http://a:b",
                    "http://a:70000",
                    "http://a b",
                    "http://*.example.com",
                    "null",
                )
            ),
            ("API_PORT", "abc", "API_PORT is a number from 1024 to 65535, not abc."),
            ("WARM", "hot", "WARM is EAGER or LAZY, not hot."),
            ("PULL", "yes", "PULL is on or off, not yes."),
        ],
    )
    def test_a_bad_setting_is_one_line_and_exit_code_2(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        variable: str,
        given: str,
        message: str,
    ) -> None:
        monkeypatch.setenv(variable, given)

        assert main(["sam-local"]) == 2

        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(message)
        assert printed.err.count("\n") == 1

    @pytest.mark.parametrize("words", [[], ["dance"], ["up", "--dance"], ["up", "--port"], ["ingest", "a", "b"]])
    def test_bad_usage_is_one_line_and_exit_code_2(self, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
        assert main(words) == 2

        assert capsys.readouterr().err.count("\n") == 1

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_explains_itself(self, capsys: pytest.CaptureFixture[str], command: str) -> None:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])

        assert ended.value.code == 0
        assert f"python -m runner {command} [-h]" in capsys.readouterr().out

    def test_every_command_is_a_target_of_the_makefile(self) -> None:
        makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
        called = set(re.findall(r"\$\(RUNNER\) ([a-z-]+)", makefile))

        assert called == COMMANDS.keys()

    def test_make_passes_a_bad_setting_to_the_command(self) -> None:
        ran = subprocess.run(
            [sys.executable, "-m", "runner", "up"],
            cwd=PROJECT_ROOT,
            env={**os.environ, "PORT": "abc"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr == "PORT is a number from 1024 to 65535, not abc.\n"


def test_the_functions_own_code_is_imported_and_not_the_folder_of_sample_events() -> None:
    code = "import sys; before = list(sys.path); import runner, events, sitewatch.ids; assert sys.path == before; "
    ran = subprocess.run(
        [sys.executable, "-c", code + "print(events.__file__)"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ran.stdout.strip(), ran.stderr) == (str(PROJECT_ROOT / "functions" / "events" / "__init__.py"), "")
