"""POST /api/webhook: what a door sensor has counted."""

from typing import Any

from occupancy import recording, signatures
from occupancy.model import Reading, Received
from sitewatch import ids
from sitewatch.api import PUBLIC, Api
from sitewatch.errors import BAD_TOKEN
from sitewatch.idempotency import key_of, once

app = Api(access=PUBLIC, admit=signatures.check, errors=[BAD_TOKEN])


@app.post("/api/webhook", summary="Report a reading", tags=["occupancy"])
def report_reading(reading: Reading) -> Received:
    """Readings may come late and in any order. Equal ones are two, unless they carry the same ``Idempotency-Key``.

    Where the deployment has a webhook secret, ``X-Signature-256`` is ``sha256=`` and the HMAC-SHA256 of the body.
    """
    key = key_of(app)
    # With a key, the id follows from it: a delivery that ended half-way is found again.
    counts = str(reading.in_count), str(reading.out)
    reading_id = ids.derived_id(reading.ts, reading.sensor, *counts, key) if key is not None else ids.new_id()

    def store() -> dict[str, Any]:
        recording.record(reading, reading_id)
        return Received().model_dump()

    return Received(**once(app, store))


handler = app.resolve
