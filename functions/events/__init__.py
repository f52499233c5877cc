"""Events: reports of devices, which people list and correct, and a sender of sample events."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
