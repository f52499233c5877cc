"""Custom resource: publish the valid public keys to the template.

Property: ``Versions``, the valid versions of the secret, comma-separated, the signing version first; if empty,
only the current version is valid. Private keys are derived from the secret at each use and never stored.
"""

import json
from collections.abc import Mapping
from typing import Any

from sitewatch import keys
from sitewatch.custom_resource import Outcome, respond

_ID = "token-keys"  # constant, because CloudFormation replaces a resource whose id changes


def _provide(properties: Mapping[str, str]) -> Outcome:
    versions: list[str | None] = [version for version in properties.get("Versions", "").split(",") if version]
    public = [keys.deployed_key(version).public_key() for version in versions or [None]]
    return Outcome(_ID, {"PublicKeys": json.dumps({"keys": [keys.public_jwk(key) for key in public]})})


def handler(event: dict[str, Any], context: Any) -> None:
    respond(event, _provide)
