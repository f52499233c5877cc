"""Occupancy: how many people are inside, now and over time, computed from door sensors' counts."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
