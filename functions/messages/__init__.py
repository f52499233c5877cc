"""Messages between users, and the callers' jobs and notifications."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
