"""Issue a token to reset a user's password, with AWS credentials alone: `make admin USER=name`.

For the team that has lost the last administrator's password. The stack's own function issues the token and notes it in
the audit log, so the command works on every engine, and needs no permission but to invoke that function.
"""

import argparse
import json

from runner import arguments
from runner.errors import RunnerError
from runner.stack import aws_errors, find

FUNCTION = "OperatorResetFunction"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    # Not from the environment, where every shell has a USER.
    parser.add_argument("user", metavar="USER", help="the username")
    arguments.add_stack(parser)


def run(parsed: argparse.Namespace) -> None:
    """Print a reset token, and how to use it."""
    stack = find(parsed)
    with aws_errors(f"Issuing a reset token on {stack.stack_name}"):
        name = stack.resource(FUNCTION, "AWS::Lambda::Function")
        payload = json.dumps({"username": parsed.user}).encode()
        answer = stack.client("lambda").invoke(FunctionName=name, Payload=payload)
        text = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise RunnerError(f"The function failed: {text[:300]}")
    issued = json.loads(text)
    if "error" in issued:
        raise RunnerError(f"{parsed.user}: {issued['error']}.")
    base_url = stack.base_url or "$BASE"
    print(f"{parsed.user} can set a new password once, until {issued['expires_at']}:\n")
    body = json.dumps({"reset_token": issued["reset_token"], "new_password": "…"}, ensure_ascii=False)
    print(f"  curl {base_url}/auth/reset-password -H 'Content-Type: application/json' -d '{body}'")
