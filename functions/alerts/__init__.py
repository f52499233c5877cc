"""Alerts: suspicious detections in order of arrival, and the event stream that clients read."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
