"""The layer has the models of AWS's services without their documentation."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.model import ServiceModel, Shape, StructureShape
from botocore.session import get_session

from layers.dependencies import trim


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def test_a_model_loses_its_texts_but_no_member(tmp_path: Path) -> None:
    member = {"shape": "String", "documentation": "<p>A text.</p>"}
    shapes = {"Page": {"type": "structure", "members": {"documentation": member}, "documentation": "<p>A page.</p>"}}
    left = {"Page": {"type": "structure", "members": {"documentation": {"shape": "String"}}}}
    model = {"shapes": shapes, "operations": {"Get": {"name": "Get", "documentation": "<p>Gets it.</p>"}}}
    assert _trimmed(model, tmp_path) == {"shapes": left, "operations": {"Get": {"name": "Get"}}}


@pytest.mark.parametrize("service", sorted(trim.BOTO_SERVICES))
def test_botocore_makes_the_same_of_a_trimmed_model(service: str, tmp_path: Path) -> None:
    whole = get_session().get_service_data(service)
    before, after = ServiceModel(whole, service), ServiceModel(_trimmed(whole, tmp_path), service)
    assert after.client_context_parameters == before.client_context_parameters
    assert after.operation_names == before.operation_names
    for name in before.operation_names:
        asked, operation = before.operation_model(name), after.operation_model(name)
        assert _members(operation.input_shape) == _members(asked.input_shape)
        assert _members(operation.output_shape) == _members(asked.output_shape)


def _members(shape: Shape | None) -> list[str]:
    return list(shape.members) if isinstance(shape, StructureShape) else []


def _trimmed(model: Mapping[str, Any], site: Path) -> dict[str, Any]:
    path = site / "botocore" / "data" / "dynamodb" / "2012-08-10" / "service-2.json.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(json.dumps(model).encode()))
    trim.trim(site)
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return found
