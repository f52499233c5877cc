"""Accounts: users, passwords, sessions, and API tokens for machines."""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
