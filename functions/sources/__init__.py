"""Sources: what signals come from, and which of them have gone silent."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
