"""``GET /detections`` and the stream as people would write them with other tools. ``make bench-peers`` runs them.

The endpoints check the same token, have the same parameters but ``skip``, and return the same page of the same table.
None of them reads the user's status, limits queries that a filter makes long, or logs, as ours does.
"""
