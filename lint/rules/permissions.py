"""E9005: permissions name their actions."""

from collections.abc import Iterator, Mapping
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from lint.reading import alternatives, listed, of_type, properties

WITH_POLICIES = (
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::KMS::Key",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::ResourcePolicy",
)


class PermissionsNameTheirActions(CloudFormationLintRule):
    """No `*` in actions, not even after a prefix: it would also allow actions that AWS adds later."""

    id = "E9005"
    shortdesc = "No permission has a wildcard in its actions"
    description = (
        "The only exception is a key policy that lets the account manage its key; without it a key can become unusable."
    )
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return the statements with a wildcard in their actions."""
        return [
            RuleMatch(["Resources", name, "Properties"], f"{name} allows {action}")
            for name, resource in of_type(cfn.template, *WITH_POLICIES)
            for statement in _statements(properties(resource))
            if not (resource["Type"] == "AWS::KMS::Key" and _lets_account_manage_key(statement))
            for action in listed(statement.get("Action", "*"))
            if "*" in str(action)
        ]


def _statements(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    documents = [found.get("PolicyDocument"), found.get("KeyPolicy"), found.get("ResourcePolicy")]
    for policy in found.get("Policies", []):
        documents += [each.get("PolicyDocument") for each in alternatives(policy)]
    for document in documents:
        for statement in listed((document or {}).get("Statement")):
            for each in alternatives(statement):
                if each["Effect"] == "Allow":
                    yield each


def _lets_account_manage_key(statement: Mapping[str, Any]) -> bool:
    principal = str(statement.get("Principal", {}).get("AWS", ""))
    return statement["Action"] == "kms:*" and "${AWS::AccountId}:root" in principal
