"""No function's role may change the audit log, and only those that append may write it: the engine's IAM refuses."""

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from runner.stack import Stack

KEY = {"kind": {"S": "audit"}, "id": {"S": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}}


@pytest.mark.parametrize(("function", "may_append"), [("PatchUserFunction", True), ("GetStatsFunction", False)])
def test_a_functions_role_can_append_at_most(stack: Stack, function: str, may_append: bool) -> None:
    role = stack.client("lambda").get_function_configuration(
        FunctionName=stack.resource(function, "AWS::Lambda::Function")
    )["Role"]
    assumed = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="audit")["Credentials"]
    dynamodb: Any = botocore.session.Session().create_client(
        "dynamodb",
        region_name=stack.region,
        endpoint_url=stack.endpoint_url,
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )
    table = stack.resource("AuditTable", "AWS::DynamoDB::Table")
    condition = {"ConditionExpression": "attribute_exists(kind)"}  # which never holds, so nothing is written
    with pytest.raises(ClientError) as appended:
        dynamodb.put_item(TableName=table, Item=KEY, **condition)
    is_allowed = appended.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert is_allowed == may_append
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.update_item(TableName=table, Key=KEY, **condition)
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.delete_item(TableName=table, Key=KEY, **condition)
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.get_item(TableName=table, Key=KEY)
