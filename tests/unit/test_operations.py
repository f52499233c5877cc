"""docs/operations.md: its commands and names exist, and links to it find their section."""

import re

import pytest

from runner.operate import redrive
from runner.stack import choose
from tests.world.template import ROOT, resources

DOCUMENT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTIONS = {
    re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
    for heading in re.findall(r"^#+ (.+)$", DOCUMENT, re.MULTILINE)
}
TEMPLATES = "".join(file.read_text(encoding="utf-8") for file in sorted(ROOT.glob("*.yaml")))


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def test_every_linked_section_exists() -> None:
    linked = set(re.findall(r"\]\(#([\w-]+)\)", DOCUMENT))
    assert linked
    assert linked <= SECTIONS
    assert set(re.findall(r"docs/operations\.md#([\w-]+)", TEMPLATES)) <= SECTIONS


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", DOCUMENT))
    assert {"quarantine", "redrive", "logs", "rotate-key", "restore", "costs"} <= named
    assert named <= targets


def test_every_function_queue_and_table_is_in_the_template() -> None:
    for name in set(re.findall(r"FUNCTION=(\w+)", DOCUMENT)):
        assert choose(resources("AWS::Serverless::Function"), name, suffix="Function", variable="FUNCTION")
    queues = {name: name for name in resources("AWS::SQS::Queue")}
    for name in set(re.findall(r"QUEUE=(\w+)", DOCUMENT)):
        assert redrive.pair(queues, name)
    tables = {name: name for name in resources("AWS::DynamoDB::Table")}
    for name in set(re.findall(r"TABLE=(\w+)", DOCUMENT)):
        assert choose(tables, name, suffix="Table", variable="TABLE")


def test_every_dead_letter_queue_can_be_redriven() -> None:
    queues = {name: name for name in resources("AWS::SQS::Queue")}
    dead = {name for name in queues if name.endswith("DeadLetterQueue")}
    targets = {
        str(queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]).removesuffix(".Arn")
        for queue in resources("AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    }
    # FailedJobsQueue has a consumer; its own dead letters go back to JobsQueue. A tick sends failed timers again.
    assert (
        targets - {"FailedJobsQueue", "ScheduleFailuresQueue"}
        <= dead
        == {source for source, _ in redrive.pairs(queues).values()}
    )
