"""Custom resource: issue an API token for a machine that belongs to the system, and store it in a secret.

Properties: ``Name``, ``Scope`` (all that the machine may send), ``Secret`` (where to store the token) and
``PublicKeys`` (new keys cause a new token). The token's id is derived from its name: an admin who revokes it stops the
machine until the next token is issued.
"""

from collections.abc import Mapping
from datetime import timedelta

from accounts import machines
from sitewatch import audit, aws, clock, ids
from sitewatch.callers import Scope
from sitewatch.custom_resource import Outcome, respond

_LIFETIME = timedelta(days=3650)


def _provide(properties: Mapping[str, str]) -> Outcome:
    token_id = ids.derived_id(clock.EARLIEST, "api token of the deployment", properties["Name"])
    scopes = [Scope(properties["Scope"])]
    _, signed = machines.issue(token_id, properties["Name"], origin=audit.DEPLOYMENT, lifetime=_LIFETIME, scopes=scopes)
    aws.client("secretsmanager").put_secret_value(SecretId=properties["Secret"], SecretString=signed)
    return Outcome(token_id)


def handler(event: dict[str, object], context: object) -> None:
    respond(event, _provide)
