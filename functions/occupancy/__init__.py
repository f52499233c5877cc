"""Occupancy: how many people are inside, now, at an instant and over time, from what door sensors count."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
