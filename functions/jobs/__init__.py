"""The jobs queue's workers. It is no domain: ``work`` is where the kinds of jobs of all domains come together."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
