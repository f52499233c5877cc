"""Events: messages from devices, which people list and correct, and a sender of sample events."""

import sitewatch  # noqa: F401 - must come first: it tunes the garbage collector for the imports
