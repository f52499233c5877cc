"""E9001: asynchronous work must not fail unseen or be retried forever."""

from collections.abc import Iterator, Mapping
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from lint.reading import Resource, called_function, named, of_type, properties, referred

MAX_RETRIES = 1000
MAX_RECORD_AGE_S = 24 * 60 * 60
MAX_RECEIVES = 20
Finding = tuple[str, str]


class AsynchronousConsumersFailVisibly(CloudFormationLintRule):
    """Check event source mappings, scheduled functions and SNS subscriptions."""

    id = "E9001"
    shortdesc = "An asynchronous consumer has an on-failure target and bounded retries"
    description = "Records, messages and events that a consumer fails to process must be kept somewhere."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return the consumers that can lose data."""
        template = cfn.template
        found = [*_mappings(template), *_scheduled(template), *_subscriptions(template)]
        return [RuleMatch(["Resources", name, "Properties"], f"{name}: {message}") for name, message in found]


def _mappings(template: Mapping[str, Any]) -> Iterator[Finding]:
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping"):
        queue = referred(template, properties(mapping)["EventSourceArn"], "AWS::SQS::Queue")
        if queue is None:
            yield from ((name, message) for message in _of_stream(properties(mapping)))
        else:
            yield from ((name, message) for message in _of_queue(*queue))


def _of_stream(mapping: Mapping[str, Any]) -> Iterator[str]:
    if not mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
        yield "has no on-failure destination"
    if not 0 <= int(mapping.get("MaximumRetryAttempts", -1)) <= MAX_RETRIES:
        yield f"MaximumRetryAttempts is not between 0 and {MAX_RETRIES}"
    if not 0 < int(mapping.get("MaximumRecordAgeInSeconds", -1)) <= MAX_RECORD_AGE_S:
        yield f"MaximumRecordAgeInSeconds is not between 1 and {MAX_RECORD_AGE_S}"


def _of_queue(name: str, queue: Resource) -> Iterator[str]:
    redrive = properties(queue).get("RedrivePolicy", {})
    if "deadLetterTargetArn" not in redrive:
        yield f"its queue {name} has no dead-letter queue (RedrivePolicy)"
    elif not 0 < int(redrive.get("maxReceiveCount", 0)) <= MAX_RECEIVES:
        yield f"maxReceiveCount of its queue {name} is not between 1 and {MAX_RECEIVES}"


def _scheduled(template: Mapping[str, Any]) -> Iterator[Finding]:
    configured = {
        function[0]: properties(config)
        for _, config in of_type(template, "AWS::Lambda::EventInvokeConfig")
        if (function := called_function(template, properties(config)["FunctionName"])) is not None
    }
    for _, rule in of_type(template, "AWS::Events::Rule"):
        for target in properties(rule).get("Targets", []):
            function = called_function(template, target["Arn"])
            if function is None:
                continue
            config = configured.get(function[0], {})
            if not config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
                yield function[0], "it is scheduled, but has no on-failure destination (EventInvokeConfig)"
            if "MaximumRetryAttempts" not in config or "MaximumEventAgeInSeconds" not in config:
                yield function[0], "it is scheduled, but its retries are not bounded (EventInvokeConfig)"


def _subscriptions(template: Mapping[str, Any]) -> Iterator[Finding]:
    for name, subscription in of_type(template, "AWS::SNS::Subscription"):
        if properties(subscription)["Protocol"] in ("email", "email-json"):
            continue  # SNS has no dead-letter queue for email
        if named(properties(subscription).get("RedrivePolicy", {}).get("deadLetterTargetArn")) is None:
            yield name, "has no dead-letter queue (RedrivePolicy)"
