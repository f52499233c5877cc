"""POST /api/webhook: receive the reading of a door sensor."""

from typing import Any

from occupancy import recording, senders
from occupancy.model import Reading, Received
from sitewatch import ids
from sitewatch.api import MACHINES_OR_ANONYMOUS, Api
from sitewatch.idempotency import once, request_name
from sitewatch.sources import source_of

app = Api(access=MACHINES_OR_ANONYMOUS, identify=senders.identify)


@app.post("/api/webhook", summary="Report a reading", tags=["occupancy"])
def report_reading(reading: Reading) -> Received:
    """Readings may arrive late and in any order. Equal readings all count, unless they share an ``Idempotency-Key``.

    In production the caller needs a machine's API token or, if the deployment has a webhook secret, a signature:
    ``X-Signature-Timestamp`` (Unix seconds, within 5 minutes of now), and ``X-Signature-256``, ``sha256=`` and the
    HMAC-SHA256 in hexadecimal of the timestamp, a line feed, the ``Idempotency-Key`` (or nothing), a line feed and the
    body. Each signature is valid once.
    """
    source_of(app.caller, reading.sensor)  # a token with a source cannot report for another sensor
    name = request_name(app)
    # With a key, the id derives from the request: if an earlier one stopped halfway, its reading is found.
    reading_id = ids.new_id() if name is None else ids.derived_id(reading.ts, name)

    def store() -> dict[str, Any]:
        recording.record(reading, reading_id)
        return Received().model_dump()

    return Received(**once(app, store))


handler = app.resolve
