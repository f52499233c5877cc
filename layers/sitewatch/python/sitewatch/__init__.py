"""Sitewatch's shared kernel: what every function needs and no domain owns.

The kernel imports no domain. See ``docs/architecture.md`` for the layout.
"""

import gc

# A cold start creates about a hundred thousand objects that live as long as the instance. Collecting garbage after
# every 700th of them took a sixth of the import time (``make bench-functions``).
gc.set_threshold(150_000, 20, 100)
