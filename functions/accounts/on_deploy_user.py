"""Custom resource: make sure that a first user exists.

Properties: ``Username``, ``Role``, and either ``Password`` or ``PasswordSecret`` (the secret that holds it).
An existing user does not change: a deployment never resets a password.
"""

from collections.abc import Mapping

from accounts import credentials, users
from accounts.model import NewUser
from sitewatch import audit, aws
from sitewatch.callers import Role
from sitewatch.custom_resource import Outcome, respond


def _password(properties: Mapping[str, str]) -> str:
    if properties.get("Password"):
        return properties["Password"]
    secret = aws.client("secretsmanager").get_secret_value(SecretId=properties["PasswordSecret"])
    return str(secret["SecretString"])


def _provide(properties: Mapping[str, str]) -> Outcome:
    user = users.by_username(properties["Username"])
    if user is None:
        new = NewUser(username=properties["Username"], password=_password(properties))
        user = credentials.create(new, audit.DEPLOYMENT, Role(properties["Role"]))
    return Outcome(user.id)


def handler(event: dict[str, object], context: object) -> None:
    respond(event, _provide)
