"""Incidents: what needs somebody's attention, from open over acknowledged to closed."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
