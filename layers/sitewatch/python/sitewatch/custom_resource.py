"""Respond to CloudFormation's custom resource requests.

``crhelper`` only responds over HTTPS, and the local emulator's callback URL is plain HTTP.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3

from sitewatch.observability import logger

_http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=10), retries=urllib3.Retry(3))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The custom resource's id, and the attributes that ``!GetAtt`` returns."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def respond(event: Mapping[str, Any], provide: Callable[[Mapping[str, Any]], Outcome]) -> None:
    """Call ``provide`` with the request's properties and report the outcome to CloudFormation.

    A deletion succeeds without calling it: these resources own nothing outside their stack. A failure is
    reported too, because CloudFormation waits an hour for a missing response.
    """
    outcome = Outcome(event.get("PhysicalResourceId", event["LogicalResourceId"]))
    status, reason = "SUCCESS", ""
    if event["RequestType"] != "Delete":
        try:
            outcome = provide(event["ResourceProperties"])
        except Exception as error:  # noqa: BLE001 - CloudFormation needs a response to any failure
            logger.exception("custom resource failed", resource=event["LogicalResourceId"])
            status, reason = "FAILED", f"{type(error).__name__}: see the log of this function"
    body = {
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": outcome.physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": dict(outcome.attributes),
    }
    # The URL is signed for an empty content type.
    _http.request("PUT", event["ResponseURL"], body=json.dumps(body).encode(), headers={"Content-Type": ""})
