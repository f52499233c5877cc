"""Spell alerts as Server-Sent Events (HTML Living Standard, section 9.2)."""

from collections.abc import Sequence

from alerts.model import AlertRecord

RETRY_MILLISECONDS = 200


def spell(alerts: Sequence[AlertRecord], *, seen: int) -> str:
    """The text of an event stream.

    It ends with the id to come again with, also where there is no alert: an ``id`` without data is
    remembered by an EventSource and raises no event.
    """
    blocks = [f": keep-alive\nretry: {RETRY_MILLISECONDS}\nid: {seen}\n\n"]
    blocks += [f"id: {int(alert.number)}\nevent: new_alert\ndata: {alert.detection}\n\n" for alert in alerts]
    return "".join(blocks)
