"""GET /.well-known/jwks.json: get the public keys that verify our tokens."""

import json

from aws_lambda_powertools.event_handler import Response, content_types

from sitewatch import settings
from sitewatch.api import PUBLIC, Api

app = Api(ignores_query=True, access=PUBLIC)


@app.get("/.well-known/jwks.json", summary="Get the public signing keys", tags=["portal"])
def get_public_keys() -> Response[dict[str, list[dict[str, str]]]]:
    """A JSON Web Key Set (RFC 7517) of Ed25519 keys."""
    return Response(
        status_code=200,
        content_type=content_types.APPLICATION_JSON,
        body=json.loads(settings.text("TOKEN_PUBLIC_KEYS")),
        headers={"Cache-Control": "public, max-age=300"},
    )


handler = app.resolve
