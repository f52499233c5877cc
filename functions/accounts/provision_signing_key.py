"""Custom resource: publish the public half of the signing key to the template.

The private half is derived from a secret at each use and is stored nowhere.
"""

import json
from typing import Any

from sitewatch import keys
from sitewatch.custom_resource import Outcome, answer


def _provide(_properties: Any) -> Outcome:
    public = keys.current_signing_key().public_key()
    return Outcome(keys.key_id(public), {"PublicKeys": json.dumps({"keys": [keys.public_jwk(public)]})})


def handler(event: dict[str, Any], context: Any) -> None:
    answer(event, _provide)
