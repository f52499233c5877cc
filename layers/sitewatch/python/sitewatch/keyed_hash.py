"""Hash what a table must not hold: names, addresses and the content of requests.

The hashes are HMACs with a secret of the deployment, so a copy of a table does not help to guess what was hashed.
"""

import hashlib
import hmac
import json
from functools import cache

from sitewatch import secrets, settings


def keyed_hash(purpose: str, *parts: str) -> str:
    """Return the HMAC-SHA256 of ``parts`` in hexadecimal; the same parts give another hash for another ``purpose``."""
    content = json.dumps([purpose, *parts]).encode()
    return hmac.new(_key(), content, hashlib.sha256).hexdigest()


@cache
def _key() -> bytes:
    """The secret, fetched once per function instance."""
    return secrets.fetch(settings.text("HASHING_SECRET")).encode()
