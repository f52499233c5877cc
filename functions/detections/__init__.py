"""Detections: vehicles reported by cameras, indexed, counted and, if suspicious, published."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
