"""The portal: health and documents."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
