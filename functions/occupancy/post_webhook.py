"""POST /api/webhook: receive the reading of a door sensor."""

from typing import Any

from occupancy import recording, signatures
from occupancy.model import Reading, Received
from sitewatch import ids
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import BAD_TOKEN
from sitewatch.idempotency import once, request_key

app = Api(access=PUBLIC, check_event=signatures.check, errors=[BAD_TOKEN])


@app.post("/api/webhook", summary="Report a reading", tags=["occupancy"])
def report_reading(reading: Reading) -> Received:
    """Readings may arrive late and in any order. Equal readings all count, unless they share an ``Idempotency-Key``.

    If the deployment has a webhook secret, ``X-Signature-256`` must be ``sha256=`` and the HMAC-SHA256 of the body.
    """
    key = request_key(app)
    # With a key, the id derives from it: if an earlier request stopped halfway, its reading is found.
    counts = str(reading.in_count), str(reading.out)
    reading_id = ids.derived_id(reading.ts, reading.sensor, *counts, key) if key is not None else ids.new_id()

    def store() -> dict[str, Any]:
        recording.record(reading, reading_id)
        return Received().model_dump()

    return Received(**once(app, store))


handler = app.resolve
