"""Sitewatch's shared kernel: what every function needs and no domain owns.

The kernel imports no domain. See ``docs/architecture.md`` for the layout.
"""
