"""Workers of the jobs queue. Not a domain: ``on_queue_work`` dispatches the jobs of every domain."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
