"""Alerts: suspicious detections in the order they became known, and the stream that clients read."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
