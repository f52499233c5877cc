"""template.yaml as data: what tests build their world from, so that they can not differ from it."""

from typing import Any

from runner.project import read_template, resources, routes, sample_name, samples
from runner.workspace import PROJECT_ROOT as ROOT

__all__ = ["ROOT", "preflights", "read_template", "resources", "routes", "sample_name", "samples", "template"]


def template() -> dict[str, Any]:
    """template.yaml, with its anchors resolved."""
    return read_template("template.yaml")


def preflights() -> dict[str, dict[str, Any]]:
    """Return the integration of each path's OPTIONS method, which the API's own definition names."""
    paths = resources("AWS::Serverless::Api")["Api"]["DefinitionBody"]["paths"]
    return {path: methods["options"]["x-amazon-apigateway-integration"] for path, methods in paths.items()}
