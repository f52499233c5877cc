"""The environment variables of the functions in a world of names that nothing deployed has."""

import os

from tests.world.template import resources, template

ACCOUNT = "123456789012"

FAKE_AWS = {
    # As a safety measure: nothing that escapes moto can reach an account.
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def _setting(value: object) -> str:
    """What the template's ``value`` of an environment variable is in the tests' world."""
    match value:
        case {"Ref": str(name)}:
            return _reference(name)
        case {"Fn::Join": [str(separator), {"Ref": str(name)}]}:
            return separator.join(str(template()["Parameters"][name]["Default"]).split(","))
        case {"Fn::GetAtt": _}:
            return ""
        case _:
            return str(value)


def _reference(name: str) -> str:
    if name in template()["Parameters"]:
        return str(template()["Parameters"][name]["Default"])
    kind = template()["Resources"].get(name, {}).get("Type")
    names = {
        "AWS::SQS::Queue": lambda: f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{queue_name(name)}",
        "AWS::SNS::Topic": lambda: f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}",
        "AWS::S3::Bucket": name.lower,
    }
    return names[kind]() if kind in names else name


def queue_name(logical_id: str) -> str:
    """The name of a queue in the tests' world."""
    return f"{logical_id}.fifo" if resources("AWS::SQS::Queue")[logical_id].get("FifoQueue") else logical_id


def environment() -> dict[str, str]:
    """What every function is handed, taken together, with credentials that reach no account."""
    settings = dict(template()["Globals"]["Function"]["Environment"]["Variables"])
    for function in resources("AWS::Serverless::Function").values():
        own = function.get("Environment", {}).get("Variables", {})
        settings |= {name: value for name, value in own.items() if value != ""}
    return FAKE_AWS | {name: _setting(value) for name, value in settings.items()}
