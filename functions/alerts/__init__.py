"""Alerts: the log of suspicious detections, in the order in which they became known, and its event stream."""

import sitewatch  # noqa: F401 - must come first: it tunes the garbage collector for the imports
