"""Messages between users, and what callers read of their jobs and notifications."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
