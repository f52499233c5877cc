"""The layer has the models of AWS's services without their documentation."""

import gzip
import json
from pathlib import Path

import pytest

from layers.dependencies import trim


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def test_a_model_loses_its_texts_but_no_member(tmp_path: Path) -> None:
    model = tmp_path / "botocore" / "data" / "dynamodb" / "2012-08-10" / "service-2.json.gz"
    model.parent.mkdir(parents=True)
    member = {"shape": "String", "documentation": "<p>A text.</p>"}
    shapes = {"Page": {"type": "structure", "members": {"documentation": member}, "documentation": "<p>A page.</p>"}}
    model.write_bytes(gzip.compress(json.dumps({"shapes": shapes, "documentation": "<p>A service.</p>"}).encode()))
    trim.trim(tmp_path)
    left = {"Page": {"type": "structure", "members": {"documentation": {"shape": "String"}}}}
    assert json.loads(gzip.decompress(model.read_bytes())) == {"shapes": left}
