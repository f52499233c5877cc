"""Accounts: users, their passwords and sessions, and the API tokens of machines."""
