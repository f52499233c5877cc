"""E9002 and E9003: log groups and timeouts of functions."""

from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from lint.reading import called_function, of_type, properties, referred

DEFAULT_TIMEOUT_S = 3
DEFAULT_VISIBILITY_S = 30
TIMEOUTS_PER_VISIBILITY = 6
"""AWS Lambda's developer guide, "Using Lambda with Amazon SQS": at least six times the function's timeout."""


class FunctionsHaveLogRetention(CloudFormationLintRule):
    """Log groups that Lambda creates keep their lines forever, and cost forever."""

    id = "E9002"
    shortdesc = "A function has a log group with retention"
    description = "LoggingConfig.LogGroup refers to a log group in the template that sets RetentionInDays."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return the functions whose logs are kept forever."""
        found = []
        for name, function in of_type(cfn.template, "AWS::Lambda::Function"):
            group = referred(
                cfn.template, properties(function).get("LoggingConfig", {}).get("LogGroup"), "AWS::Logs::LogGroup"
            )
            if group is None:
                found.append(_finding(name, "has no log group in the template (LoggingConfig)"))
            elif not properties(group[1]).get("RetentionInDays"):
                found.append(_finding(name, f"its log group {group[0]} has no RetentionInDays"))
        return found


class FunctionsTimeOutBeforeTheirMessagesReappear(CloudFormationLintRule):
    """A message that becomes visible again while it is being processed is processed twice."""

    id = "E9003"
    shortdesc = "A function's timeout is at most a sixth of its queue's visibility timeout"
    description = "This leaves Lambda time to retry when it is throttled."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return the functions that may run too long for their queue."""
        found = []
        for _, mapping in of_type(cfn.template, "AWS::Lambda::EventSourceMapping"):
            queue = referred(cfn.template, properties(mapping)["EventSourceArn"], "AWS::SQS::Queue")
            function = called_function(cfn.template, properties(mapping)["FunctionName"])
            if queue is None or function is None:
                continue
            visible = int(properties(queue[1]).get("VisibilityTimeout", DEFAULT_VISIBILITY_S))
            timeout = int(properties(function[1]).get("Timeout", DEFAULT_TIMEOUT_S))
            if visible < TIMEOUTS_PER_VISIBILITY * timeout:
                found.append(
                    _finding(function[0], f"may run for {timeout} s, but {queue[0]} redelivers after {visible} s")
                )
        return found


def _finding(name: str, message: str) -> Any:
    return RuleMatch(["Resources", name, "Properties"], f"{name}: {message}")
