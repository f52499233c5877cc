"""Accounts: users, their passwords and sessions, and the API tokens of machines."""

import sitewatch  # noqa: F401 - first of all: it tunes how the rest is imported
