"""Detections: vehicles that cameras report, indexed, counted and, where suspicious, published."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
