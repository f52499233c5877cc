"""Sitewatch's shared kernel: what every function needs and no domain owns.

The kernel imports no domain. See ``docs/architecture.md`` for the layout.
"""

import gc

# A cold start makes some hundred thousand objects that live as long as the instance. Looking through
# them for garbage at every 700th was a sixth of the time that importing took (``make bench-functions``).
gc.set_threshold(50_000, 20, 100)
