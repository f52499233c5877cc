"""E9007: the API has the stage of the template and no other."""

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from lint.reading import of_type, properties


class DeploymentsMakeNoStage(CloudFormationLintRule):
    """No deployment of an API makes a stage by itself."""

    id = "E9007"
    shortdesc = "A deployment makes no stage"
    description = "SAM gives a deployment a stage of its own, without throttles and logs, unless OpenApiVersion is set."
    source_url = "docs/production.md#the-templates-rules"

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return the deployments that make a stage."""
        return [
            RuleMatch(
                ["Resources", name, "Properties"], f"{name} makes the stage {properties(deployment)['StageName']}"
            )
            for name, deployment in of_type(cfn.template, "AWS::ApiGateway::Deployment")
            if "StageName" in properties(deployment)
        ]
