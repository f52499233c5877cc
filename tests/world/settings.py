"""The functions' settings, set when this module is imported: before any function, since they read them on import."""

import json
import os

from tests.world.environment import environment

os.environ.update(environment())

# Before any client is made, since moto registers with botocore.
from moto import mock_aws  # noqa: F401

from sitewatch import keys

SIGNING_SECRET = "a secret of high entropy, as far as tests go"
os.environ["TOKEN_PUBLIC_KEYS"] = json.dumps({"keys": [keys.public_jwk(keys.signing_key(SIGNING_SECRET).public_key())]})
