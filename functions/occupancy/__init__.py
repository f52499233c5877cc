"""Occupancy: how many people are inside, now, at an instant and over time, from what door sensors count."""
