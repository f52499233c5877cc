"""E9004: a message that nobody can take is kept aside."""

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from lint.reading import named, of_type, properties

REASON = "NoDeadLetterQueue"
"""The key in a queue's Metadata with the reason why it has no dead-letter queue and is none."""


class QueuesHaveDeadLetterQueues(CloudFormationLintRule):
    """Every queue has one, is one, or says why not."""

    id = "E9004"
    shortdesc = "A queue has a dead-letter queue, is one, or has a reason"
    description = f"The reason stands in the queue's Metadata, under {REASON}."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """The queues whose messages come back for ever, and the reasons that are none."""
        queues = dict(of_type(cfn.template, "AWS::SQS::Queue"))
        targets = {
            name: named(properties(queue).get("RedrivePolicy", {}).get("deadLetterTargetArn"))
            for name, queue in queues.items()
        }
        found = []
        for name, queue in queues.items():
            provided = targets[name] is not None or name in targets.values()
            reason = str(queue.get("Metadata", {}).get(REASON, "")).strip()
            if not provided and not reason:
                found.append(
                    RuleMatch(["Resources", name], f"{name} has no dead-letter queue, is none, and has no {REASON}")
                )
            if provided and reason:
                found.append(RuleMatch(["Resources", name], f"{name} needs no {REASON}: it has a dead-letter queue"))
        return found
