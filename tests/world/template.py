"""template.yaml as data: what tests build their world from, so that they can not differ from it."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # as in runner.local.deployment
    """Reads CloudFormation's short forms as one-key mappings: ``!Ref X`` is ``{"Ref": "X"}``."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@cache
def read_template(name: str) -> dict[str, Any]:
    """A template of the repository's root, with its anchors resolved."""
    loaded: dict[str, Any] = yaml.load(  # a SafeLoader
        (ROOT / name).read_text(encoding="utf-8"),
        _Loader,  # noqa: S506
    )
    return loaded


def template() -> dict[str, Any]:
    """template.yaml, with its anchors resolved."""
    return read_template("template.yaml")


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of type ``kind``, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


def routes() -> dict[tuple[str, str], str]:
    """Every route: ``("GET", "/users")`` to the handler that answers it, ``"accounts.get_users.handler"``."""
    return {
        (event["Properties"]["Method"].upper(), event["Properties"]["Path"]): function["Handler"]
        for function in resources("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
    }


def preflights() -> dict[str, dict[str, Any]]:
    """Return the integration of each path's OPTIONS method, which the API's own definition names."""
    paths = resources("AWS::Serverless::Api")["Api"]["DefinitionBody"]["paths"]
    return {path: methods["options"]["x-amazon-apigateway-integration"] for path, methods in paths.items()}


def sample_name(function: str) -> str:
    """The name of a function's sample event: ``PostUsersFunction`` has ``post_users``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", function.removesuffix("Function")).lower()


def samples() -> dict[str, dict[str, Any]]:
    """The sample event of every handler that has one."""
    found = {}
    for name, function in resources("AWS::Serverless::Function").items():
        file = ROOT / "events" / f"{sample_name(name)}.json"
        if file.exists():
            found[function["Handler"]] = json.loads(file.read_text(encoding="utf-8"))
    return found
