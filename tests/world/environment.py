"""The environment variables of the functions when nothing is deployed."""

import os

from runner.project import ACCOUNT, queue_name, undeployed_variables

__all__ = ["ACCOUNT", "FAKE_AWS", "environment", "queue_name"]

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


def environment() -> dict[str, str]:
    """The variables of all functions together, with credentials that reach no account."""
    return FAKE_AWS | undeployed_variables()
