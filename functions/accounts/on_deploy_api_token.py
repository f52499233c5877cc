"""Custom resource: an API token for a machine that is part of the system, kept in a secret.

Properties: ``Name``, ``Secret`` (where to put the token) and ``PublicKeys`` (so that new keys mint it anew). The
token's id follows from its name: an administrator who revokes it stops the machine until the next minting.
"""

from collections.abc import Mapping
from datetime import timedelta

from accounts import machines
from accounts.custom_resource import Outcome, answer
from sitewatch import aws, clock, ids

_LIFETIME = timedelta(days=3650)


def _provide(properties: Mapping[str, str]) -> Outcome:
    token_id = ids.derived_id(clock.EARLIEST, "api token of the deployment", properties["Name"])
    _, signed = machines.issue(token_id, properties["Name"], created_by="deployment", lifetime=_LIFETIME)
    aws.client("secretsmanager").put_secret_value(SecretId=properties["Secret"], SecretString=signed)
    return Outcome(token_id)


def handler(event: dict[str, object], context: object) -> None:
    answer(event, _provide)
