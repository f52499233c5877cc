"""Rules: which signals matter, and when, as data that administrators change."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
