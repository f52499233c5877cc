"""Custom resource: publish the public halves of the valid keys to the template.

Property: ``Versions``, the versions of the secret that are valid, the signing one first, separated by commas;
empty, the current one alone. The private halves are derived from the secret at each use and are stored nowhere.
"""

import json
from collections.abc import Mapping
from typing import Any

from accounts.custom_resource import Outcome, answer
from sitewatch import keys

_ID = "token-keys"  # a constant: a resource whose id changes is one that CloudFormation replaces


def _provide(properties: Mapping[str, str]) -> Outcome:
    versions: list[str | None] = [version for version in properties.get("Versions", "").split(",") if version]
    public = [keys.deployed_key(version).public_key() for version in versions or [None]]
    return Outcome(_ID, {"PublicKeys": json.dumps({"keys": [keys.public_jwk(key) for key in public]})})


def handler(event: dict[str, Any], context: Any) -> None:
    answer(event, _provide)
