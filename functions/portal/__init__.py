"""The portal: health checks, API documentation and the dashboard."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
