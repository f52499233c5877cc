"""E9002 and E9003: where a function's log goes, and how long it may take."""

from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from lint.reading import called_function, of_type, properties, referred

DEFAULT_TIMEOUT_S = 3
DEFAULT_VISIBILITY_S = 30
VISIBILITIES = 6
"""AWS Lambda's developer guide, "Using Lambda with Amazon SQS": at least six times the function's timeout."""


class FunctionsLogIntoAGroupThatForgets(CloudFormationLintRule):
    """A group that Lambda makes by itself keeps its lines, and costs, for ever."""

    id = "E9002"
    shortdesc = "A function has a log group with retention"
    description = "LoggingConfig.LogGroup refers to a log group of the template, which has RetentionInDays."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """The functions whose logs are kept for ever."""
        found = []
        for name, function in of_type(cfn.template, "AWS::Lambda::Function"):
            group = referred(
                cfn.template, properties(function).get("LoggingConfig", {}).get("LogGroup"), "AWS::Logs::LogGroup"
            )
            if group is None:
                found.append(_finding(name, "names no log group of the template"))
            elif not properties(group[1]).get("RetentionInDays"):
                found.append(_finding(name, f"its log group {group[0]} has no RetentionInDays"))
        return found


class FunctionsEndBeforeTheirMessagesComeAgain(CloudFormationLintRule):
    """A message that turns up again while it is still worked on is worked on twice."""

    id = "E9003"
    shortdesc = "A function's timeout is at most a sixth of its queue's visibility timeout"
    description = "So that Lambda has time for its own retries when it is throttled."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """The functions that may take too long for their queue."""
        found = []
        for _, mapping in of_type(cfn.template, "AWS::Lambda::EventSourceMapping"):
            queue = referred(cfn.template, properties(mapping)["EventSourceArn"], "AWS::SQS::Queue")
            function = called_function(cfn.template, properties(mapping)["FunctionName"])
            if queue is None or function is None:
                continue
            visible = int(properties(queue[1]).get("VisibilityTimeout", DEFAULT_VISIBILITY_S))
            timeout = int(properties(function[1]).get("Timeout", DEFAULT_TIMEOUT_S))
            if visible < VISIBILITIES * timeout:
                found.append(
                    _finding(function[0], f"may take {timeout} s, and {queue[0]} shows its message after {visible} s")
                )
        return found


def _finding(name: str, message: str) -> Any:
    return RuleMatch(["Resources", name, "Properties"], f"{name}: {message}")
