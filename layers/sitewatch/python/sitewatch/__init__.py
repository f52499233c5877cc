"""Sitewatch's shared kernel: what every function needs and no domain owns.

The kernel imports no domain. See ``docs/architecture.md`` for the layout.
"""

import gc

# A cold start makes about a hundred thousand objects that live as long as the instance. Looking through
# them for garbage at every 700th was a sixth of the time that importing took (``make bench-functions``).
gc.set_threshold(150_000, 20, 100)
