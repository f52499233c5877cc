"""Make a stack's custom resources on an engine whose CloudFormation skips them, such as LocalStack's free edition.

It calls their functions as CloudFormation would, with a signed URL of an S3 object for the response, and puts
the attributes that they return into the environment of every function that reads them.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runner.errors import RunnerError
from runner.local.deployment import ARTIFACTS_BUCKET
from runner.stack import Stack, aws_client, aws_errors
from runner.template import FUNCTION, Template, attribute, of_type

CUSTOM = "Custom::"
ANSWER_SECONDS = 300


def make(stack: Stack, parameters: Mapping[str, str], document: Mapping[str, Any], from_functions: str) -> None:
    """Make every custom resource of the stack, in the template's order.

    `parameters` are those that were deployed, with the passwords, which CloudFormation does not return;
    `from_functions` is the address at which functions reach the engine. Repeating it changes nothing: the functions are
    as idempotent as CloudFormation needs them to be.
    """
    with aws_errors("Listing the stack's resources"):
        template = Template(document, parameters, ids=stack.resources(""))
    for name, resource in document["Resources"].items():
        if not resource["Type"].startswith(CUSTOM) or name not in template.ids:
            continue
        properties = dict(resource["Properties"])
        function, _ = attribute(properties.pop("ServiceToken")) or ("", "")
        filled_in = {key: template.text(each) for key, each in properties.items()}
        template.attributes[name] = provide(stack, template.ids[function], name, filled_in, from_functions)
        for reader, variables in readers_of(template, name).items():
            change_variables(stack, template.ids[reader], variables)


def readers_of(template: Template, resource: str) -> dict[str, dict[str, str]]:
    """The variables that are attributes of a resource, by the logical id of the function that has them."""
    shared = template.document["Globals"]["Function"]["Environment"]["Variables"]
    found = {}
    for name, function in of_type(template.document, FUNCTION):
        variables = shared | function["Properties"].get("Environment", {}).get("Variables", {})
        read = {key: template.text(each) for key, each in variables.items() if (attribute(each) or [""])[0] == resource}
        if read and name in template.ids:
            found[name] = read
    return found


def provide(
    stack: Stack, function: str, name: str, properties: Mapping[str, str], from_functions: str
) -> dict[str, str]:
    """Call a custom resource's function and return the attributes in its response."""
    s3, key = stack.client("s3"), f"custom-resources/{uuid.uuid4().hex}"
    signer = aws_client("s3", from_functions, stack.region, stack.credentials, s3={"addressing_style": "path"})
    url = signer.generate_presigned_url(
        "put_object", Params={"Bucket": ARTIFACTS_BUCKET, "Key": key}, ExpiresIn=ANSWER_SECONDS
    )
    event = {
        "RequestType": "Create",
        "ResponseURL": url,
        "StackId": stack.stack_name,
        "RequestId": uuid.uuid4().hex,
        "LogicalResourceId": name,
        "ResourceProperties": properties,
    }
    with aws_errors(f"Making {name}"):
        called = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    if "FunctionError" in called:
        raise RunnerError(f"Making {name} failed: {called['Payload'].read().decode()[:500]}")
    try:
        answer = json.loads(s3.get_object(Bucket=ARTIFACTS_BUCKET, Key=key)["Body"].read())
    except (BotoCoreError, ClientError) as error:
        raise RunnerError(f"{function} did not answer at {from_functions}: {error}") from error
    if answer["Status"] != "SUCCESS":
        raise RunnerError(f"Making {name} failed: {answer['Reason']}")
    return dict(answer["Data"])


def change_variables(stack: Stack, function: str, variables: Mapping[str, str]) -> None:
    """Set some of a function's environment variables and wait until they are in effect."""
    client = stack.client("lambda")
    with aws_errors(f"Changing the variables of {function}"):
        now = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        if now | variables != now:
            client.update_function_configuration(FunctionName=function, Environment={"Variables": now | variables})
            client.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
