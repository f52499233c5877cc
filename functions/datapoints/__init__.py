"""Data points: what an instrument outside measures, fetched every minute, kept once and listed."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
