"""Events: what devices tell, kept for people to list and correct, and a sender of sample events."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
