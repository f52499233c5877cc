"""Answer CloudFormation's custom resource requests.

``crhelper`` would do, but it answers over HTTPS only, and the local emulator's address is plain HTTP.
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
    """What a custom resource became: its id, and the attributes that ``!GetAtt`` gives."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def answer(event: Mapping[str, Any], provide: Callable[[Mapping[str, Any]], Outcome]) -> None:
    """Call ``provide`` with the request's properties and tell CloudFormation what came of it.

    A deletion is answered at once: nothing here owns anything that its stack does not. A failure is
    answered too: a request without an answer would hold the deployment for an hour.
    """
    outcome = Outcome(event.get("PhysicalResourceId", event["LogicalResourceId"]))
    status, reason = "SUCCESS", ""
    if event["RequestType"] != "Delete":
        try:
            outcome = provide(event["ResourceProperties"])
        except Exception as error:  # noqa: BLE001 - whatever it was, CloudFormation has to be told
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
    # An empty content type: the address is signed without one.
    _http.request("PUT", event["ResponseURL"], body=json.dumps(body).encode(), headers={"Content-Type": ""})
