"""The diagrams in docs/architecture.md match template.yaml."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.world.template import ROOT, resources

PICTURED = (
    "AWS::Serverless::Function",
    "AWS::Kinesis::Stream",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
)
ARROW = re.compile(r"\s*-\.?->\s*(?:\|[^|]*\|\s*)?")
LINES = [
    line.strip()
    for picture in re.findall(
        r"```mermaid\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.DOTALL
    )
    for line in picture.splitlines()
    if not line.startswith("flowchart")
]


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


def _shown(logical_id: str) -> str:
    return logical_id.removesuffix("Function")


def _edges() -> Iterator[tuple[str, str]]:
    for line in LINES:
        groups = [[name.partition("[")[0].strip() for name in group.split("&")] for group in ARROW.split(line)]
        for sources, targets in pairwise(groups):
            yield from ((source, target) for source in sources for target in targets)


EDGES = set(_edges())
NAMES = {name for edge in EDGES for name in edge}


@pytest.mark.parametrize("kind", PICTURED)
def test_every_resource_of_the_template_is_in_a_diagram(kind: str) -> None:
    missing = sorted(_shown(name) for name in resources(kind) if _shown(name) not in NAMES)
    assert missing == [], f"add to a diagram in docs/architecture.md, each with an arrow to or from it: {missing}"


def test_a_diagram_shows_only_resources_of_the_template() -> None:
    known = {_shown(name) for kind in PICTURED for name in resources(kind)}
    # Names outside the template, such as people and clocks, start with a lowercase letter.
    unknown = sorted(name for name in NAMES - known if not name[:1].islower())
    assert unknown == [], f"not in template.yaml; remove from docs/architecture.md: {unknown}"


@pytest.mark.parametrize(("name", "mapping"), resources("AWS::Lambda::EventSourceMapping").items())
def test_every_event_source_has_an_arrow_to_its_function(name: str, mapping: dict[str, dict[str, str]]) -> None:
    source = mapping["EventSourceArn"]["Fn::GetAtt"].partition(".")[0]
    function = _shown(mapping["FunctionName"]["Ref"].removesuffix(".Alias"))
    assert (source, function) in EDGES, f"add to docs/architecture.md: {source} --> {function}"
