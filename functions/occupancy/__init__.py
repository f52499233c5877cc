"""Occupancy: how many people are inside (now, at an instant, over time), from the readings of door sensors."""

import sitewatch  # noqa: F401 - must come first: it tunes the garbage collector for the imports
