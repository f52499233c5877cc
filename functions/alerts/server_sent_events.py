"""Format alerts as Server-Sent Events (HTML Living Standard, section 9.2)."""

from collections.abc import Sequence

from alerts.model import AlertRecord

RETRY_MILLISECONDS = 200


def format_alerts(alerts: Sequence[AlertRecord], *, seen: int) -> str:
    """The text of an event stream.

    It starts with the id ``seen``, so that a client without alerts still has an id to reconnect with: an EventSource
    remembers an ``id`` without data and raises no event.
    """
    blocks = [f": keep-alive\nretry: {RETRY_MILLISECONDS}\nid: {seen}\n\n"]
    blocks += [f"id: {int(alert.number)}\nevent: new_alert\ndata: {alert.detection}\n\n" for alert in alerts]
    return "".join(blocks)
