"""Detections: vehicles that cameras report, which are indexed, counted and, if suspicious, published."""

import sitewatch  # noqa: F401 - must come first: it tunes the garbage collector for the imports
