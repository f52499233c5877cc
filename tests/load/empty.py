"""The pipeline's functions without work of their own, for ``make bench-pipeline``.

They have the same triggers and pass on the same items and messages, in the fewest calls. They check nothing, recognize
no record that comes twice, and count and record nothing. What remains is the emulator's own work. Each writes a log
line, because the emulator waits 50 ms for one.
"""

import base64
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.session import get_session

TABLES: Any = get_session().create_client("dynamodb")
TOPICS: Any = get_session().create_client("sns")


def index(event: Mapping[str, Any], context: Any) -> None:
    """Put every record into the table."""
    requests = [{"PutRequest": {"Item": _item(record)}} for record in event["Records"]]
    for first in range(0, len(requests), 25):
        TABLES.batch_write_item(RequestItems={os.environ["DETECTIONS_TABLE"]: requests[first : first + 25]})
    _note("index", event["Records"])


def watch(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Return at once."""
    _note("watch", event["Records"])
    return {"state": {}}


def follow(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Publish every suspicious item."""
    images = [record["dynamodb"]["NewImage"] for record in event["Records"]]
    messages = [_message(image) for image in images if image["suspicious"]["BOOL"]]
    for first in range(0, len(messages), 10):
        entries = [{"Id": str(number), **message} for number, message in enumerate(messages[first : first + 10])]
        TOPICS.publish_batch(TopicArn=os.environ["ALERTS_TOPIC_ARN"], PublishBatchRequestEntries=entries)
    _note("follow", event["Records"])
    return {"state": {}}


def record(event: Mapping[str, Any], context: Any) -> None:
    """Return at once."""
    _note("record", event["Records"])


def _item(record: Mapping[str, Any]) -> dict[str, Any]:
    """An item with the attributes of a detection, which is thus in all of the table's indexes."""
    detection = json.loads(base64.b64decode(record["kinesis"]["data"]))
    made = "2026-11-26T00:00:00.000000Z"
    return {
        "id": {"S": record["eventID"]},
        "year": {"N": str(detection["year"])},
        "created_at": {"S": made},
        "position": {"S": f"{made}#{record['eventID']}"},
        "suspicious": {"BOOL": detection["category"] == "SUV"},
        "source": {"S": "unknown"},
        "time_partition": {"S": "0"},
        "source_partition": {"S": "unknown#0"},
        **{name: {"S": detection[name]} for name in ("make", "model", "category")},
        **{f"{name}_partition": {"S": f"{detection[name]}#0"} for name in ("make", "category")},
    }


def _message(image: Mapping[str, Any]) -> dict[str, Any]:
    alert = {
        name: next(iter(image[name].values())) for name in ("id", "year", "make", "model", "category", "created_at")
    }
    return {
        "Message": json.dumps(alert),
        "MessageAttributes": {
            "category": {"DataType": "String", "StringValue": alert["category"]},
            "make": {"DataType": "String", "StringValue": alert["make"]},
            "year": {"DataType": "Number", "StringValue": alert["year"]},
        },
    }


def _note(step: str, records: Sequence[Any]) -> None:
    """Note in a file of the benchmark's that a step has had these records."""
    with Path(os.environ["NOTES"], step).open("a", encoding="utf-8") as notes:
        notes.write(f"{len(records)}\n")
    sys.stderr.write(f"{step} {len(records)}\n")
