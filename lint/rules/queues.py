"""E9004: messages that cannot be processed go to a dead-letter queue."""

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from lint.reading import named, of_type, properties

REASON = "NoDeadLetterQueue"
"""The key in a queue's Metadata with the reason why it has no dead-letter queue."""


class QueuesHaveDeadLetterQueues(CloudFormationLintRule):
    """Every queue has a dead-letter queue, is one itself, or has a reason why not."""

    id = "E9004"
    shortdesc = "A queue has a dead-letter queue, is one itself, or has a reason why not"
    description = f"The reason is in the queue's Metadata, under {REASON}."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return queues that redeliver forever without a reason, and queues with an unneeded reason."""
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
                    RuleMatch(["Resources", name], f"{name} has no dead-letter queue, and no {REASON} in its Metadata")
                )
            if provided and reason:
                found.append(
                    RuleMatch(["Resources", name], f"{name} needs no {REASON}: it has or is a dead-letter queue")
                )
        return found
