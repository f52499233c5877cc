"""Data points: readings of an external instrument, fetched every minute, stored once and listed."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
